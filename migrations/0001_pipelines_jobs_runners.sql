-- Pipelines and their versions; jobs with their attempts, stages, logs and outputs; runners.

CREATE TABLE runners (
  id uuid PRIMARY KEY,
  name text NOT NULL UNIQUE,
  -- Identifies the registration: a new one of the same name replaces it.
  session uuid NOT NULL,
  -- [{"key": "os", "value": "linux"}, …] as it was registered.
  tags json NOT NULL,
  capacity integer NOT NULL CHECK (capacity > 0),
  version text NOT NULL,
  draining boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT now(),
  last_seen_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE pipelines (
  id uuid PRIMARY KEY,
  name text NOT NULL,
  description text NOT NULL,
  -- The current version.
  version integer NOT NULL CHECK (version >= 1),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  -- A deleted pipeline keeps its versions for its jobs, and frees its name.
  deleted_at timestamptz
);
CREATE UNIQUE INDEX pipelines_name ON pipelines (name) WHERE deleted_at IS NULL;

CREATE TABLE pipeline_versions (
  pipeline_id uuid NOT NULL REFERENCES pipelines,
  version integer NOT NULL CHECK (version >= 1),
  -- SHA-256 of the bundle, hex.
  digest text NOT NULL,
  -- json, not jsonb: keys keep their order, and no text is refused.
  bundle json NOT NULL,
  definition json NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (pipeline_id, version)
);

CREATE TABLE jobs (
  -- What was launched: never changes.
  id uuid PRIMARY KEY,
  pipeline_id uuid NOT NULL,
  version integer NOT NULL,
  pipeline_name text NOT NULL,
  inputs json NOT NULL,
  launched_by text NOT NULL,
  tags json NOT NULL,
  priority integer NOT NULL,
  retry_of uuid REFERENCES jobs,
  created_at timestamptz NOT NULL DEFAULT now(),
  -- How it goes.
  state text NOT NULL DEFAULT 'queued'
    CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'canceled')),
  reason text CHECK (reason IN (
    'stage_failed', 'timeout', 'lua_error', 'lua_limit', 'definition_changed', 'runner_lost',
    'infrastructure', 'policy', 'log_limit')),
  message text,
  -- Counts the claims; 0 before the first.
  attempt integer NOT NULL DEFAULT 0 CHECK (attempt >= 0),
  runner_id uuid REFERENCES runners,
  cancel_requested boolean NOT NULL DEFAULT false,
  started_at timestamptz,
  finished_at timestamptz,
  FOREIGN KEY (pipeline_id, version) REFERENCES pipeline_versions,
  CHECK ((state = 'failed') = (reason IS NOT NULL)),
  CHECK ((state IN ('succeeded', 'failed', 'canceled')) = (finished_at IS NOT NULL)),
  CHECK (state <> 'running' OR (attempt >= 1 AND runner_id IS NOT NULL AND started_at IS NOT NULL)),
  CHECK (state <> 'queued' OR runner_id IS NULL)
) WITH (fillfactor = 80);
CREATE INDEX jobs_pipeline ON jobs (pipeline_name, id);
CREATE INDEX jobs_unfinished ON jobs (pipeline_id) WHERE state IN ('queued', 'running');
CREATE INDEX jobs_state ON jobs (state, id);
CREATE INDEX jobs_runner ON jobs (runner_id) WHERE state = 'running';

-- The same table of transitions is in packages/protocol/src/states.ts and docs/architecture.md.
CREATE FUNCTION check_job_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (NEW.id, NEW.pipeline_id, NEW.version, NEW.pipeline_name, NEW.launched_by, NEW.priority,
      NEW.created_at, NEW.inputs::text, NEW.tags::text, NEW.retry_of)
    IS DISTINCT FROM
     (OLD.id, OLD.pipeline_id, OLD.version, OLD.pipeline_name, OLD.launched_by, OLD.priority,
      OLD.created_at, OLD.inputs::text, OLD.tags::text, OLD.retry_of) THEN
    RAISE EXCEPTION 'what was launched never changes: job %', OLD.id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'jobs_immutable';
  END IF;
  IF NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (
    ('queued', 'running'), ('queued', 'failed'), ('queued', 'canceled'),
    ('running', 'succeeded'), ('running', 'failed'), ('running', 'canceled'), ('running', 'queued')
  ) THEN
    RAISE EXCEPTION 'a job cannot go from % to %: job %', OLD.state, NEW.state, OLD.id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'jobs_transition';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER jobs_change BEFORE UPDATE ON jobs
  FOR EACH ROW EXECUTE FUNCTION check_job_change();

-- Exactly the jobs in the state "queued": what can be claimed is found without looking at history.
CREATE TABLE job_queue (
  job_id uuid PRIMARY KEY REFERENCES jobs,
  priority integer NOT NULL,
  -- Not before; in the future after a failed attempt.
  run_after timestamptz NOT NULL DEFAULT now(),
  -- Tags that a runner must have, each as the text of ["key","value"].
  needs text[] NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
CREATE INDEX job_queue_order ON job_queue (priority DESC, job_id);

CREATE TABLE job_attempts (
  job_id uuid NOT NULL REFERENCES jobs,
  attempt integer NOT NULL CHECK (attempt >= 1),
  runner_id uuid NOT NULL REFERENCES runners,
  -- Of the claim: the same request gets the same jobs again.
  request_id uuid NOT NULL,
  lease_id uuid NOT NULL,
  lease_until timestamptz NOT NULL,
  -- Number of the last report and of the last log line that were stored.
  last_seq integer NOT NULL DEFAULT 0,
  log_lines integer NOT NULL DEFAULT 0,
  started_at timestamptz NOT NULL DEFAULT now(),
  ended_at timestamptz,
  -- `lost`: the lease ran out. `returned`: the claim was undone before the runner knew of it.
  result text CHECK (result IN ('succeeded', 'failed', 'canceled', 'lost', 'returned')),
  reason text,
  message text,
  code text,
  PRIMARY KEY (job_id, attempt),
  CHECK ((ended_at IS NULL) = (result IS NULL))
) WITH (fillfactor = 60);
-- At most one attempt of a job is current.
CREATE UNIQUE INDEX job_attempts_current ON job_attempts (job_id) WHERE ended_at IS NULL;
CREATE INDEX job_attempts_request ON job_attempts (request_id) WHERE ended_at IS NULL;

CREATE TABLE job_stages (
  job_id uuid NOT NULL,
  attempt integer NOT NULL,
  name text NOT NULL,
  state text NOT NULL
    CHECK (state IN ('pending', 'running', 'succeeded', 'failed', 'skipped', 'canceled')),
  reason text,
  code text,
  -- Counts the runs of the stage in this attempt.
  run integer NOT NULL CHECK (run >= 1),
  unchecked_exits integer NOT NULL DEFAULT 0,
  started_at timestamptz,
  finished_at timestamptz,
  PRIMARY KEY (job_id, attempt, name),
  FOREIGN KEY (job_id, attempt) REFERENCES job_attempts
);

-- A stage that is run again begins anew, with a higher `run`.
CREATE FUNCTION check_stage_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.run = OLD.run AND NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (
    ('pending', 'running'), ('pending', 'skipped'), ('pending', 'canceled'),
    ('running', 'succeeded'), ('running', 'failed'), ('running', 'canceled')
  ) OR NEW.run < OLD.run THEN
    RAISE EXCEPTION 'a stage cannot go from % to %: stage %', OLD.state, NEW.state, OLD.name
      USING ERRCODE = 'check_violation', CONSTRAINT = 'job_stages_transition';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER job_stages_change BEFORE UPDATE ON job_stages
  FOR EACH ROW EXECUTE FUNCTION check_stage_change();

-- Log lines in chunks: append-only, without gaps.
CREATE TABLE job_logs (
  job_id uuid NOT NULL,
  attempt integer NOT NULL,
  first_line integer NOT NULL CHECK (first_line >= 1),
  line_count integer NOT NULL CHECK (line_count >= 1),
  -- One JSON value a line, compressed with zlib.
  bytes bytea NOT NULL,
  PRIMARY KEY (job_id, attempt, first_line),
  FOREIGN KEY (job_id, attempt) REFERENCES job_attempts
);
-- They are compressed already.
ALTER TABLE job_logs ALTER COLUMN bytes SET STORAGE EXTERNAL;

CREATE TABLE job_outputs (
  job_id uuid NOT NULL,
  attempt integer NOT NULL,
  name text NOT NULL,
  value json NOT NULL,
  PRIMARY KEY (job_id, attempt, name),
  FOREIGN KEY (job_id, attempt) REFERENCES job_attempts
);

CREATE TABLE idempotency_keys (
  key text PRIMARY KEY,
  -- SHA-256 of what was asked, hex: the same key with another request is refused.
  digest text NOT NULL,
  job_id uuid NOT NULL REFERENCES jobs,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);

-- Which programs may work with this schema: those that know the migration of this number.
-- A migration that breaks older programs sets it to its own.
CREATE TABLE schema_compatibility (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  needs_migration integer NOT NULL
);
INSERT INTO schema_compatibility (needs_migration) VALUES (1);
