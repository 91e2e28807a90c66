-- Figures of queues, agents, teams and trunks by quarters of an hour: sums, and where the measure's name
-- begins with max_ the most. What is of before this step, `belfry report recompute` fills in.

CREATE TABLE figures (
    kind     TEXT    NOT NULL,      -- queue, agent, team, trunk
    start    INTEGER NOT NULL,      -- when the quarter of an hour begins
    name     TEXT    NOT NULL,
    measure  TEXT    NOT NULL,
    value    INTEGER NOT NULL,
    PRIMARY KEY (kind, start, name, measure)
) WITHOUT ROWID;

CREATE TABLE figures_open (         -- what is open now and will count when it is over
    key      TEXT PRIMARY KEY,
    body     TEXT NOT NULL          -- JSON
) WITHOUT ROWID;
