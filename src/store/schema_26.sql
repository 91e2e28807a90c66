-- R19: a list may be cleared and imported again, and its numbers begin with their first attempt once more: an attempt is known by
-- when it was dialled, and what came of it is of the newest that is not over.
CREATE TABLE attempts_of_rounds (
    campaign TEXT NOT NULL,
    number   TEXT NOT NULL,
    nth      INTEGER NOT NULL,   -- of its round
    wall     INTEGER NOT NULL,   -- when it was dialled
    agent    TEXT NOT NULL,
    outcome  TEXT NOT NULL DEFAULT '',
    cause    INTEGER NOT NULL DEFAULT 0,
    call     TEXT,
    code     TEXT NOT NULL DEFAULT '',
    talk_ms  INTEGER NOT NULL DEFAULT 0,
    over     INTEGER,
    PRIMARY KEY (campaign, number, wall, nth)
);
INSERT INTO attempts_of_rounds
    SELECT campaign, number, nth, wall, agent, outcome, cause, call, code, talk_ms, over
    FROM campaign_attempts ORDER BY rowid;
DROP TABLE campaign_attempts;
ALTER TABLE attempts_of_rounds RENAME TO campaign_attempts;
CREATE INDEX campaign_attempts_wall ON campaign_attempts (wall, campaign);
-- R23: the talk of a call-back is in the call by which it was made.
CREATE INDEX events_made ON events (json_extract(body, '$.by'))
    WHERE kind = 'queue' AND json_extract(body, '$.event') = 'answered' AND json_extract(body, '$.by') IS NOT NULL;
