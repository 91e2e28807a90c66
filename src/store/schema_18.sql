-- The care line over a restart (R10). Calls that were being asked for their alarm: what breaks off is one.
CREATE TABLE receptions (
    call   TEXT PRIMARY KEY,
    id     INTEGER NOT NULL,    -- the number of the fact
    number TEXT NOT NULL        -- who calls; empty: it shows none
);

-- By what a unit's report is known again.
ALTER TABLE reports ADD COLUMN reference TEXT NOT NULL DEFAULT '';
CREATE INDEX reports_wall ON reports (wall) WHERE reference <> '';

-- From when a number's calls count for the guard (R12): it was locked, or let in again.
CREATE TABLE guard_counted (
    number TEXT PRIMARY KEY,
    since  INTEGER NOT NULL
);
