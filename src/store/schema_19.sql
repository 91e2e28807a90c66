-- Outbound campaigns (R19): whether each calls, the numbers of their lists, each attempt, and whom nobody may call.
CREATE TABLE campaigns (
    name   TEXT PRIMARY KEY,
    status TEXT NOT NULL,        -- running, paused, stopped
    since  INTEGER NOT NULL,     -- milliseconds since 1970
    "by"   TEXT NOT NULL
);
CREATE TABLE campaign_numbers (
    campaign TEXT NOT NULL,
    number   TEXT NOT NULL,      -- as it is dialled
    row      INTEGER NOT NULL,   -- its place in the list
    fields   TEXT NOT NULL,      -- what is known of it: a line each, "heading: text"
    state    TEXT NOT NULL,      -- waiting, calling, done, failed
    tried    INTEGER NOT NULL DEFAULT 0,
    counted  INTEGER NOT NULL DEFAULT 0,
    outcome  TEXT NOT NULL DEFAULT '',
    agent    TEXT NOT NULL DEFAULT '',
    code     TEXT NOT NULL DEFAULT '',
    last     INTEGER,            -- when it was dialled last
    next     INTEGER,            -- not before
    PRIMARY KEY (campaign, number)
);
CREATE INDEX campaign_numbers_row ON campaign_numbers (campaign, row);
CREATE TABLE campaign_attempts (
    campaign TEXT NOT NULL,
    number   TEXT NOT NULL,
    nth      INTEGER NOT NULL,
    wall     INTEGER NOT NULL,   -- when it was dialled
    agent    TEXT NOT NULL,
    outcome  TEXT NOT NULL DEFAULT '',
    cause    INTEGER NOT NULL DEFAULT 0,
    call     TEXT,
    code     TEXT NOT NULL DEFAULT '',
    talk_ms  INTEGER NOT NULL DEFAULT 0,
    over     INTEGER,
    PRIMARY KEY (campaign, number, nth)
);
CREATE INDEX campaign_attempts_wall ON campaign_attempts (wall, campaign);
CREATE TABLE do_not_call (
    number TEXT PRIMARY KEY,     -- in international form where that can be told
    since  INTEGER NOT NULL,
    "by"   TEXT NOT NULL
);
