-- How good a leg sounded: mean opinion scores by the E-model (ITU-T G.107), in hundredths.

ALTER TABLE legs ADD COLUMN mos INTEGER;       -- of what it sent
ALTER TABLE legs ADD COLUMN peer_mos INTEGER;  -- of what was sent to it, by its own reports
