-- R16: who served a caller last is known after a restart.
CREATE INDEX events_answered ON events (wall)
    WHERE kind = 'queue' AND json_extract(body, '$.event') = 'answered';
