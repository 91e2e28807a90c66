-- Times are milliseconds since 1970 (UTC), durations milliseconds, ids of calls their 13 letters.
-- Legs and recordings are numbered by the process, so a call's id belongs to each key.

CREATE TABLE journal_position (     -- how far each journal is applied: the last fact's number
    journal  INTEGER PRIMARY KEY,   -- its random number
    run      INTEGER NOT NULL,
    seq      INTEGER NOT NULL
);

CREATE TABLE events (               -- every fact, as it was written
    id       INTEGER PRIMARY KEY,
    journal  INTEGER NOT NULL,
    run      INTEGER NOT NULL,
    seq      INTEGER NOT NULL,
    wall     INTEGER NOT NULL,
    kind     TEXT    NOT NULL,
    call     TEXT,
    body     TEXT    NOT NULL,      -- JSON
    refused  TEXT,                  -- why the fact is in no other table
    UNIQUE (journal, run, seq)
);
CREATE INDEX events_call ON events (call) WHERE call IS NOT NULL;
CREATE INDEX events_kind ON events (kind, wall);

CREATE TABLE calls (
    call        TEXT PRIMARY KEY,
    begun       INTEGER NOT NULL,
    answered    INTEGER,            -- when the first called party answered
    ended       INTEGER,
    caller      TEXT    NOT NULL,   -- number
    caller_name TEXT    NOT NULL,
    gateway     TEXT,               -- of the caller; NULL: a phone
    dialled     TEXT    NOT NULL,
    context     TEXT    NOT NULL,
    route       TEXT,
    agent       TEXT,               -- number of the first phone that answered
    cause       INTEGER,            -- Q.850
    ended_by    TEXT,
    total_ms    INTEGER,
    talk_ms     INTEGER
);
CREATE INDEX calls_begun ON calls (begun);
CREATE INDEX calls_caller ON calls (caller, begun);
CREATE INDEX calls_agent ON calls (agent, begun);
CREATE INDEX calls_open ON calls (call) WHERE ended IS NULL;

CREATE TABLE call_fields (          -- what the dialplan noted
    call   TEXT NOT NULL,
    name   TEXT NOT NULL,
    value  TEXT NOT NULL,
    PRIMARY KEY (call, name)
);

CREATE TABLE legs (
    call      TEXT    NOT NULL,
    leg       INTEGER NOT NULL,
    role      TEXT    NOT NULL,     -- caller, callee
    number    TEXT    NOT NULL,
    gateway   TEXT,                 -- NULL: a phone
    begun     INTEGER NOT NULL,
    rang      INTEGER,
    answered  INTEGER,
    ended     INTEGER,
    cause     INTEGER,              -- Q.850
    status    INTEGER,              -- SIP
    ended_by  TEXT,
    ring_ms   INTEGER,
    talk_ms   INTEGER,
    packets_received   INTEGER,
    packets_sent       INTEGER,
    packets_lost       INTEGER,
    packets_late       INTEGER,
    packets_foreign    INTEGER,
    jitter_max_us      INTEGER,
    rtt_us             INTEGER,
    samples_concealed  INTEGER,
    PRIMARY KEY (call, leg)
);
CREATE INDEX legs_number ON legs (number, begun);
CREATE INDEX legs_open ON legs (call) WHERE ended IS NULL;

CREATE TABLE recordings (
    call       TEXT    NOT NULL,
    recording  INTEGER NOT NULL,
    path       TEXT    NOT NULL,    -- below the recordings' directory
    left_leg   INTEGER NOT NULL,    -- the customer
    right_leg  INTEGER,             -- the agent
    begun      INTEGER NOT NULL,
    ended      INTEGER,
    samples    INTEGER,
    ms         INTEGER,
    fault      TEXT,                -- why it is not whole
    PRIMARY KEY (call, recording)
);
CREATE INDEX recordings_begun ON recordings (begun);

CREATE TABLE survey_answers (
    call      TEXT NOT NULL,
    survey    TEXT NOT NULL,
    question  TEXT NOT NULL,
    key       TEXT NOT NULL,
    agent     TEXT,
    wall      INTEGER NOT NULL,
    PRIMARY KEY (call, survey, question)
);
CREATE INDEX survey_answers_agent ON survey_answers (agent, wall);

CREATE TABLE registrations (        -- what is registered now
    number      TEXT NOT NULL,
    contact     TEXT NOT NULL,
    source      TEXT NOT NULL,
    user_agent  TEXT NOT NULL,
    since       INTEGER NOT NULL,
    expires     INTEGER NOT NULL,
    PRIMARY KEY (number, contact)
);

CREATE TABLE gateways (             -- whether each answers
    gateway  TEXT PRIMARY KEY,
    up       INTEGER NOT NULL,
    since    INTEGER NOT NULL,
    why      TEXT NOT NULL
);
