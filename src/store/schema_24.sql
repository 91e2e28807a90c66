-- What the agent has noted beside the code of what a call was about (R24).

ALTER TABLE wrap_ups ADD COLUMN text TEXT NOT NULL DEFAULT '';
