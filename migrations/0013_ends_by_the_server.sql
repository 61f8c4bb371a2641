-- Reasons that only the server or a runner that went on knows, and when a stage was first told of.

ALTER TABLE jobs DROP CONSTRAINT jobs_reason_check;
-- What it allows besides was not allowed before, so no row has to be looked at.
ALTER TABLE jobs ADD CONSTRAINT jobs_reason_check CHECK (reason IN (
  'stage_failed', 'timeout', 'lua_error', 'lua_limit', 'definition_changed', 'runner_lost',
  'infrastructure', 'policy', 'log_limit', 'interrupted', 'expired')) NOT VALID;

-- By the clock of the database: that of a runner may be wrong.
ALTER TABLE job_stages ADD COLUMN noted_at timestamptz NOT NULL DEFAULT now();
