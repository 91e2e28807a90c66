-- Who is to be called back: it holds over a restart.

CREATE TABLE call_backs (
    call     TEXT PRIMARY KEY,   -- in which it was asked for
    queue    TEXT NOT NULL,
    "from"   TEXT NOT NULL,      -- the caller's own number; empty: it showed none
    number   TEXT NOT NULL,      -- to be called
    priority INTEGER NOT NULL,
    entered  INTEGER NOT NULL,   -- when it came into the queue
    until    INTEGER NOT NULL,   -- when it is given up
    failed   INTEGER NOT NULL,   -- attempts
    tried    INTEGER             -- when the last one failed
);

-- What calls were about, by the agents' wrap-up codes.

CREATE TABLE wrap_ups (
    call  TEXT NOT NULL,
    agent TEXT NOT NULL,
    queue TEXT NOT NULL,
    code  TEXT NOT NULL,
    name  TEXT NOT NULL,        -- empty: the queue has no codes
    wall  INTEGER NOT NULL,
    PRIMARY KEY (call, agent)
);
