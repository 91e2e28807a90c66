-- What an agent who has a caller will be in when that is over: a wish outlasts a restart (R2).
ALTER TABLE agent_states ADD COLUMN pending TEXT NOT NULL DEFAULT '';          -- as its facts say it; empty: nothing
ALTER TABLE agent_states ADD COLUMN pending_reason TEXT NOT NULL DEFAULT '';
ALTER TABLE agent_states ADD COLUMN pending_code INTEGER NOT NULL DEFAULT 0;   -- of a break; 0: none
