-- What supervisors have scored: each with the answers as they were given. A score that another one corrects stays, with
-- the id of that one.

CREATE TABLE scores (
    score        TEXT PRIMARY KEY,
    call         TEXT NOT NULL,
    agent        TEXT NOT NULL,
    team         TEXT,
    queue        TEXT NOT NULL,
    form         TEXT NOT NULL,
    version      INTEGER NOT NULL,
    scorer       TEXT NOT NULL,
    at           INTEGER NOT NULL,        -- milliseconds since 1970
    share        INTEGER NOT NULL,        -- of 10,000
    passed       INTEGER NOT NULL,
    fatal        INTEGER NOT NULL,
    answers      TEXT NOT NULL,           -- JSON
    comment      TEXT NOT NULL,
    corrects     TEXT,
    corrected_by TEXT
);
CREATE INDEX scores_call ON scores (call);
CREATE INDEX scores_at ON scores (at);
