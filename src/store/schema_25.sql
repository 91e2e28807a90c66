-- A trouble is one device's: that a pendant is well again says nothing of a smoke detector. What stands from before is of no known
-- device ('?'): whichever says that it is well ends it.
CREATE TABLE troubles_of_devices (
    account     TEXT NOT NULL,
    trouble     TEXT NOT NULL,
    device      TEXT NOT NULL,           -- its number, or its kind; '': the unit itself
    device_type TEXT NOT NULL,
    place       TEXT NOT NULL,
    since       INTEGER NOT NULL,
    PRIMARY KEY (account, trouble, device)
);
INSERT INTO troubles_of_devices
    SELECT account, trouble, '?', '', '', since FROM unit_troubles;
DROP TABLE unit_troubles;
ALTER TABLE troubles_of_devices RENAME TO unit_troubles;
