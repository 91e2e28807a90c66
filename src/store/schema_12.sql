-- What a recording's file was when it was whole: by it `belfry recording verify` says whether it still is.
ALTER TABLE recordings ADD COLUMN sha256 TEXT;     -- of the file at `path`; null: not taken yet
ALTER TABLE recordings ADD COLUMN bytes  INTEGER;  -- its size
