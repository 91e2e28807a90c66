-- What came to a leg's port and was not heard, beside strangers' packets.

ALTER TABLE legs ADD COLUMN packets_duplicate INTEGER;  -- came more than once
ALTER TABLE legs ADD COLUMN packets_malformed INTEGER;  -- no RTP, or no audio of its codec
ALTER TABLE legs ADD COLUMN packets_unagreed INTEGER;   -- of a payload type that was not agreed on
ALTER TABLE legs ADD COLUMN packets_dropped INTEGER;    -- its own, but not taken
ALTER TABLE legs ADD COLUMN packets_forged INTEGER;     -- SRTP without a tag that its key made
