-- Where agents are signed in, and what they do: it holds over a restart.

CREATE TABLE agent_states (
    agent   TEXT PRIMARY KEY,
    phone   TEXT NOT NULL,
    state   TEXT NOT NULL,
    reason  TEXT NOT NULL,
    code    INTEGER NOT NULL,   -- of a break; 0: none
    since   INTEGER NOT NULL
);
