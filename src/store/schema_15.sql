-- Surveys and questionnaires: what was asked, by which design, and corrections with their trace (R21, R22).

CREATE TABLE survey_designs (       -- each that a caller was asked by
    survey   TEXT NOT NULL,
    version  TEXT NOT NULL,
    design   TEXT NOT NULL,         -- JSON
    since    INTEGER NOT NULL,      -- when it was asked first, milliseconds since 1970
    PRIMARY KEY (survey, version)
);

CREATE TABLE survey_sessions (      -- a caller and a survey
    call      TEXT NOT NULL,
    survey    TEXT NOT NULL,
    version   TEXT NOT NULL,        -- empty: asked before versions were kept
    caller    TEXT NOT NULL,
    agent     TEXT,
    team      TEXT,
    queue     TEXT,
    began     INTEGER NOT NULL,
    over      INTEGER,              -- NULL: the caller hung up meanwhile
    complete  INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (call, survey)
);
CREATE INDEX survey_sessions_began ON survey_sessions (survey, began);

CREATE TABLE survey_corrections (
    seq          INTEGER PRIMARY KEY,  -- the fact's number
    call         TEXT NOT NULL,
    survey       TEXT NOT NULL,
    question     TEXT NOT NULL,
    old_key      TEXT,              -- NULL: it was not answered
    old_meaning  TEXT,
    key          TEXT NOT NULL,
    meaning      TEXT NOT NULL,
    by           TEXT NOT NULL,
    why          TEXT NOT NULL,
    wall         INTEGER NOT NULL
);
CREATE INDEX survey_corrections_call ON survey_corrections (call, survey);

ALTER TABLE survey_answers ADD COLUMN meaning TEXT NOT NULL DEFAULT '';
ALTER TABLE survey_answers ADD COLUMN voice TEXT;   -- the recording of a spoken answer

INSERT INTO survey_sessions (call, survey, version, caller, agent, began, over, complete)
SELECT a.call, a.survey, '', coalesce(c.caller, ''), max(a.agent), min(a.wall), max(a.wall), 1
FROM survey_answers a LEFT JOIN calls c ON c.call = a.call GROUP BY a.call, a.survey;
