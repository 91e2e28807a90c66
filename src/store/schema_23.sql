-- Until when figures are days and no quarters of an hour any more, by kind: milliseconds since 1970.
CREATE TABLE figures_days (
    kind  TEXT PRIMARY KEY,      -- queue, agent, team, trunk
    until INTEGER NOT NULL
);
