-- A runner numbers its connects: one that was long under way is known by it, and changes nothing.

ALTER TABLE runners ADD COLUMN connect_number bigint NOT NULL DEFAULT 0 CHECK (connect_number >= 0);
