-- What brings a registration back after a restart: phones are reached without registering anew.

ALTER TABLE registrations ADD COLUMN record TEXT NOT NULL DEFAULT '';
