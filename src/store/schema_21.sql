-- What of the care line is over is found by when it was, so that it can go when its time is past.
CREATE INDEX cases_closed ON cases (closed) WHERE closed IS NOT NULL;
CREATE INDEX check_ins_over ON check_ins (due) WHERE state <> 'missed';
CREATE INDEX care_calls_over ON care_calls (over) WHERE over IS NOT NULL;
CREATE INDEX units_seen_wall ON units_seen (wall);
CREATE INDEX reports_loose ON reports (wall) WHERE "case" IS NULL;
-- An account's last word by a protocol, which stays.
CREATE INDEX reports_spoken ON reports (account, wall, id) WHERE protocol NOT IN ('voice', 'unknown', 'centre');
