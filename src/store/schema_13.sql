-- Every fact was written into an index by its kind: one tree of four. Where agents were signed in at a fact is the only
-- question that used it; those facts are few, and have one of their own.
-- Which facts the database refused is asked by every look at the store's health.

DROP INDEX events_kind;
CREATE INDEX events_agent ON events (wall) WHERE kind = 'agent';
CREATE INDEX events_refused ON events (id) WHERE refused IS NOT NULL;
