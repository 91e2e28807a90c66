-- Subscribers of the care line (R10) and who changed what of them when (R26). `body` is JSON: each field by its
-- name. What their units do is not here: it follows from facts.

CREATE TABLE subscribers (
    number  TEXT PRIMARY KEY,
    name    TEXT NOT NULL,
    region  TEXT NOT NULL,
    since   INTEGER NOT NULL,   -- when it was added, or its check-ins last changed
    body    TEXT NOT NULL
);

CREATE TABLE subscriber_changes (
    id      INTEGER PRIMARY KEY,
    wall    INTEGER NOT NULL,
    "by"    TEXT NOT NULL,
    number  TEXT NOT NULL,
    what    TEXT NOT NULL,      -- added, changed, removed
    before  TEXT NOT NULL,      -- JSON: the fields that changed, as they were
    after   TEXT NOT NULL       -- and as they are
);
CREATE INDEX subscriber_changes_number ON subscriber_changes (number, wall);

-- Who closed a case.
ALTER TABLE cases ADD COLUMN closed_by TEXT NOT NULL DEFAULT '';

-- When a unit was heard last.
CREATE TABLE units_seen (
    account TEXT PRIMARY KEY,
    wall    INTEGER NOT NULL
);

-- Check-ins (R11): each that was due, and what became of it.
CREATE TABLE check_ins (
    account   TEXT NOT NULL,
    due       INTEGER NOT NULL,   -- milliseconds since 1970
    state     TEXT NOT NULL,      -- reported, missed, late, closed
    "by"      TEXT NOT NULL DEFAULT '',
    reported  INTEGER,
    reminders INTEGER NOT NULL DEFAULT 0,
    task      INTEGER,            -- the case in which a person is to act
    contacts  INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (account, due)
);
CREATE INDEX check_ins_open ON check_ins (state, due);

-- Up to which time the check-ins of each are settled.
CREATE TABLE check_ins_settled (
    account TEXT PRIMARY KEY,
    due     INTEGER NOT NULL
);

-- Who is locked out by the guard (R12), and until when; NULL: for ever.
CREATE TABLE guard_locks (
    number  TEXT PRIMARY KEY,
    since   INTEGER NOT NULL,
    until   INTEGER,
    why     TEXT NOT NULL,
    "by"    TEXT NOT NULL
);
CREATE TABLE guard_white (
    number  TEXT PRIMARY KEY,
    since   INTEGER NOT NULL,
    "by"    TEXT NOT NULL
);
