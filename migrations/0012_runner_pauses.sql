-- Runners that take no jobs for a while, or until somebody says otherwise.

ALTER TABLE runners
  -- It is given no jobs before; 'infinity': until it is resumed.
  ADD COLUMN paused_until timestamptz,
  ADD COLUMN pause_note text,
  ADD COLUMN paused_by text,
  -- Its process shall end when it runs nothing any more.
  ADD COLUMN drain_asked boolean NOT NULL DEFAULT false,
  ADD CONSTRAINT runners_pause CHECK ((paused_until IS NULL) = (paused_by IS NULL)
    AND (pause_note IS NULL OR paused_until IS NOT NULL)
    AND (NOT drain_asked OR paused_until IS NOT NULL));
