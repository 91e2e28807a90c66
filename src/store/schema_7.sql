-- The care line: what units reported, and the cases that followed.

CREATE TABLE reports (
    id        INTEGER PRIMARY KEY,  -- the number of the fact
    wall      INTEGER NOT NULL,
    account   TEXT NOT NULL,        -- the unit's controller
    "by"      TEXT NOT NULL,        -- who said so
    device    TEXT NOT NULL,        -- empty: the unit itself
    protocol  TEXT NOT NULL,
    meaning   TEXT NOT NULL,        -- alarm, cancelled, alive, began, over, noted
    of        TEXT NOT NULL,        -- which need, which trouble
    code      INTEGER NOT NULL,
    priority  INTEGER NOT NULL,
    place     TEXT NOT NULL,
    raw       TEXT NOT NULL,        -- as it came
    "case"    INTEGER,
    repeat    INTEGER NOT NULL      -- 1: it was heard before
);
CREATE INDEX reports_account ON reports (account, wall);
CREATE INDEX reports_case ON reports ("case") WHERE "case" IS NOT NULL;

CREATE TABLE cases (
    id        INTEGER PRIMARY KEY,  -- the number of the fact by which it was opened
    account   TEXT NOT NULL,
    unit      TEXT NOT NULL,        -- who reported it
    opened    INTEGER NOT NULL,
    need      TEXT NOT NULL,
    priority  INTEGER NOT NULL,
    place     TEXT NOT NULL,        -- as the last alarm said it
    call_back TEXT,                 -- where the unit waits to be called; empty: at its own number
    alarms    INTEGER NOT NULL DEFAULT 1,
    call      TEXT,                 -- the last one that belongs to it
    talked    INTEGER,              -- since when somebody has talked after the last alarm
    no_call   INTEGER,              -- when it was seen that the unit does not call
    closed    INTEGER,              -- NULL: it is open
    outcome   TEXT
);
CREATE INDEX cases_open ON cases (account) WHERE closed IS NULL;
CREATE INDEX cases_account ON cases (account, opened);

-- What is wrong with units, until they say that it is over.
CREATE TABLE unit_troubles (
    account  TEXT NOT NULL,
    trouble  TEXT NOT NULL,
    since    INTEGER NOT NULL,
    PRIMARY KEY (account, trouble)
);
