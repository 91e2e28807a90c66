-- What phones' users wish of calls to them: it holds over a restart.

CREATE TABLE phone_wishes (
    number  TEXT NOT NULL,
    wish    TEXT NOT NULL,   -- do-not-disturb, forward-always, forward-busy, forward-no-answer
    value   TEXT NOT NULL,   -- the number to forward to, or "on"
    since   INTEGER NOT NULL,
    PRIMARY KEY (number, wish)
);

-- Text messages: taken, held, delivered or given up.

CREATE TABLE messages (
    id            INTEGER PRIMARY KEY,  -- the number of the fact by which it was taken
    sender        TEXT NOT NULL,
    recipient     TEXT NOT NULL,
    content_type  TEXT NOT NULL,
    body          TEXT NOT NULL,
    taken         INTEGER NOT NULL,
    expires       INTEGER NOT NULL,     -- until when it is held
    ended         INTEGER,              -- when it was delivered or given up; NULL: it is held
    why           TEXT                  -- why it was given up; empty: it was delivered
);
CREATE INDEX messages_held ON messages (recipient) WHERE ended IS NULL;
