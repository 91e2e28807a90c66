-- Recordings are kept for a time.

ALTER TABLE recordings ADD COLUMN removed INTEGER;  -- when its file went, past its time
