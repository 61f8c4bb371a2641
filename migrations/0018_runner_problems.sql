-- A runner that cannot take jobs says why: its disk is full, its Podman is broken.

-- Null: it takes jobs.
ALTER TABLE runners ADD COLUMN problem text;
