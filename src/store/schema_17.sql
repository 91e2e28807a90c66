-- Rounds of calls on a schedule (R17): what is said to whom, and until when. Who was called in them stands in care_calls.
CREATE TABLE care_rounds (
    list   TEXT NOT NULL,
    day    TEXT NOT NULL,        -- which day's, such as 2026-11-23, and the time where there are several
    due    INTEGER NOT NULL,     -- milliseconds since 1970
    until  INTEGER NOT NULL,     -- no call begins after that
    region TEXT NOT NULL,        -- empty: all that the list names
    text   TEXT NOT NULL,
    "by"   TEXT NOT NULL,        -- empty: the schedule
    people INTEGER NOT NULL,
    over   INTEGER,              -- none: it is in progress
    PRIMARY KEY (list, day)
);
CREATE INDEX care_rounds_open ON care_rounds (over, list);
