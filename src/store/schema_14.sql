-- Who of the contacts takes a missed check-in on (R11), by key.
ALTER TABLE check_ins ADD COLUMN accepted TEXT;

-- Response plans (R15): what happened, in its order, by case. A plan that was in progress goes on from these.
CREATE TABLE plan_events (
    id      INTEGER PRIMARY KEY,  -- the fact's number
    "case"  INTEGER NOT NULL,
    wall    INTEGER NOT NULL,     -- milliseconds since 1970
    account TEXT NOT NULL,
    plan    TEXT NOT NULL,
    step    TEXT NOT NULL,
    what    TEXT NOT NULL,        -- begun, step, called, answered, sent, ended …
    body    TEXT NOT NULL         -- all of it, as JSON
);
CREATE INDEX plan_events_case ON plan_events ("case", id);

-- Scheduled calls (R17): each that is to be made of a list, and what became of it.
CREATE TABLE care_calls (
    list     TEXT NOT NULL,
    account  TEXT NOT NULL,
    day      TEXT NOT NULL,        -- which day's, such as 2026-11-23, and the time where there are several
    state    TEXT NOT NULL,        -- waiting, done, failed, given_up, stopped
    due      INTEGER NOT NULL,     -- milliseconds since 1970
    until    INTEGER NOT NULL,     -- after that it is given up
    attempts INTEGER NOT NULL DEFAULT 0,
    next     INTEGER NOT NULL,     -- not before
    call     TEXT,                 -- the last attempt's
    result   TEXT NOT NULL DEFAULT '',
    answer   TEXT NOT NULL DEFAULT '',
    over     INTEGER,
    PRIMARY KEY (list, account, day)
);
CREATE INDEX care_calls_open ON care_calls (state, due);
