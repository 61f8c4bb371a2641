-- History in partitions, which are dropped and not deleted from; what runs in a small table apart.
-- Ids of jobs begin with the time they were made at, so a range of ids is a range of time.
-- No foreign keys between these tables, nor from them to runners and versions of pipelines: each
-- would lock a row that everybody needs with every claim, and read both tables with every drop.
-- docs/architecture.md says what holds instead.

ALTER TABLE idempotency_keys DROP CONSTRAINT idempotency_keys_job_id_fkey;
-- Retention forgets the keys of the jobs that it drops.
CREATE INDEX idempotency_keys_job ON idempotency_keys (job_id);
ALTER TABLE job_queue DROP CONSTRAINT job_queue_job_id_fkey;
ALTER TABLE job_secret_inputs DROP CONSTRAINT job_secret_inputs_job_id_fkey;
ALTER TABLE job_stages DROP CONSTRAINT job_stages_job_id_attempt_fkey;
ALTER TABLE job_outputs DROP CONSTRAINT job_outputs_job_id_attempt_fkey;
ALTER TABLE job_logs DROP CONSTRAINT job_logs_job_id_attempt_fkey;
ALTER TABLE job_attempts
  DROP CONSTRAINT job_attempts_job_id_fkey, DROP CONSTRAINT job_attempts_runner_id_fkey;
ALTER TABLE jobs
  DROP CONSTRAINT jobs_retry_of_fkey,
  DROP CONSTRAINT jobs_runner_id_fkey,
  DROP CONSTRAINT jobs_pipeline_id_version_fkey;

CREATE FUNCTION refuse_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'rows of % are kept: jobs refer to them', TG_TABLE_NAME
    USING ERRCODE = 'check_violation', CONSTRAINT = TG_TABLE_NAME || '_kept';
END $$;
CREATE TRIGGER runners_kept BEFORE DELETE OR TRUNCATE ON runners
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_delete();
CREATE TRIGGER pipeline_versions_kept BEFORE DELETE OR TRUNCATE ON pipeline_versions
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_delete();

-- The current attempts: from the claim to the end, then a row of job_attempts takes their place.
-- No index on what reports change, and room in each page, so that they touch nothing else.
CREATE TABLE running_attempts (
  job_id uuid PRIMARY KEY,
  attempt integer NOT NULL CHECK (attempt >= 1),
  runner_id uuid NOT NULL,
  -- Of the claim: the same request gets the same jobs again.
  request_id uuid NOT NULL,
  lease_id uuid NOT NULL,
  lease_until timestamptz NOT NULL,
  -- Number of the last report and of the last log line that were stored.
  last_seq integer NOT NULL DEFAULT 0,
  log_lines integer NOT NULL DEFAULT 0,
  -- What the log takes, before it is compressed.
  log_bytes bigint NOT NULL DEFAULT 0,
  started_at timestamptz NOT NULL DEFAULT now(),
  -- What the job tells about itself in Markdown.
  summary text
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,
  autovacuum_vacuum_cost_delay = 0);
CREATE INDEX running_attempts_runner ON running_attempts (runner_id, request_id);

INSERT INTO running_attempts (job_id, attempt, runner_id, request_id, lease_id, lease_until,
  last_seq, log_lines, log_bytes, started_at, summary)
SELECT job_id, attempt, runner_id, request_id, lease_id, lease_until, last_seq, log_lines,
  log_bytes, started_at, summary
FROM job_attempts WHERE ended_at IS NULL;
DELETE FROM job_attempts WHERE ended_at IS NULL;

ALTER TABLE job_queue SET (fillfactor = 80, autovacuum_vacuum_cost_delay = 0);
-- Both columns in the same direction, so that a claim can begin anywhere in their order.
DROP INDEX job_queue_order;
CREATE INDEX job_queue_order ON job_queue ((-priority), job_id);

DROP INDEX job_attempts_current, job_attempts_request, jobs_state, jobs_unfinished, jobs_runner;
ALTER TABLE job_attempts DROP COLUMN request_id, DROP COLUMN lease_until,
  DROP CONSTRAINT job_attempts_check,
  ALTER COLUMN last_seq DROP DEFAULT,
  ALTER COLUMN log_lines DROP DEFAULT,
  ALTER COLUMN log_bytes DROP DEFAULT,
  ALTER COLUMN started_at DROP DEFAULT,
  ALTER COLUMN ended_at SET NOT NULL,
  ALTER COLUMN result SET NOT NULL;

-- 0: one JSON value a line, compressed with zlib. Others: packages/store/src/job-logs.ts.
ALTER TABLE job_logs ADD COLUMN format smallint NOT NULL DEFAULT 0;

-- By it ended jobs are found by how they ended. A column of its own, because a claim does not
-- change it: so a claim changes no index.
ALTER TABLE jobs ADD COLUMN ended_as text
  GENERATED ALWAYS AS (CASE WHEN finished_at IS NOT NULL THEN state END) STORED;

-- What is not allowed makes the triggers fire: what is allowed runs no function.
DROP TRIGGER jobs_change ON jobs;
DROP TRIGGER jobs_event ON jobs;
DROP TRIGGER job_stages_change ON job_stages;
DROP FUNCTION check_job_change, check_job_event, check_stage_change;
CREATE FUNCTION refuse_job_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (NEW.id, NEW.pipeline_id, NEW.version, NEW.pipeline_name, NEW.launched_by, NEW.priority,
      NEW.created_at, NEW.inputs::text, NEW.tags::text, NEW.retry_of, NEW.event)
    IS NOT DISTINCT FROM
     (OLD.id, OLD.pipeline_id, OLD.version, OLD.pipeline_name, OLD.launched_by, OLD.priority,
      OLD.created_at, OLD.inputs::text, OLD.tags::text, OLD.retry_of, OLD.event) THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'what was launched never changes: job %', OLD.id
    USING ERRCODE = 'check_violation', CONSTRAINT = 'jobs_immutable';
END $$;
CREATE FUNCTION refuse_job_transition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'a job cannot go from % to %: job %', OLD.state, NEW.state, OLD.id
    USING ERRCODE = 'check_violation', CONSTRAINT = 'jobs_transition';
END $$;
CREATE FUNCTION refuse_stage_transition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'a stage cannot go from % to %: stage %', OLD.state, NEW.state, OLD.name
    USING ERRCODE = 'check_violation', CONSTRAINT = 'job_stages_transition';
END $$;

-- What there is becomes the first partition, where it lies; it ends with this week, or with the
-- week of the newest job when a clock is ahead by less than a month. What is even newer goes to the
-- partition for what fits no other, and so do later jobs without one of their own: nothing is lost.
-- `duties/partitions.ts` makes the ones that follow.
DO $$
DECLARE
  part record;
  column_name text;
  ends timestamptz;
  bound uuid;
BEGIN
  SELECT date_trunc('week', greatest(now(), to_timestamp(
    ('x0000' || left(replace(max(id::text), '-', ''), 12))::bit(64)::bigint / 1000.0)), 'UTC')
    + interval '7 days' INTO ends
  FROM jobs WHERE id::text < '8' AND to_timestamp(
    ('x0000' || left(replace(id::text, '-', ''), 12))::bit(64)::bigint / 1000.0)
    < now() + interval '30 days';
  ends := COALESCE(ends, date_trunc('week', now(), 'UTC') + interval '7 days');
  bound := rpad(lpad(to_hex((extract(epoch FROM ends) * 1000)::bigint), 12, '0'), 32, '0')::uuid;
  FOR part IN SELECT * FROM (VALUES
      ('jobs', 'id', '(id)', 'fillfactor = 70'),
      ('job_attempts', 'job_id', '(job_id, attempt)', 'fillfactor = 100'),
      ('job_stages', 'job_id', '(job_id, attempt, name)', 'fillfactor = 80'),
      ('job_outputs', 'job_id', '(job_id, attempt, name)', 'fillfactor = 100'),
      ('job_logs', 'job_id', '(job_id, attempt, first_line)', 'fillfactor = 100'),
      ('job_secret_inputs', 'job_id', '(job_id)', 'fillfactor = 100')
    ) AS t(name, key, primary_key, storage)
  LOOP
    EXECUTE format('ALTER TABLE %1$I RENAME TO %1$s_initial', part.name);
    EXECUTE format('ALTER TABLE %1$s_initial RENAME CONSTRAINT %1$s_pkey TO %1$s_initial_pkey',
      part.name);
    EXECUTE format('ALTER TABLE %s_initial SET (%s)', part.name, part.storage);
    EXECUTE format('CREATE TABLE %1$I (LIKE %1$s_initial INCLUDING ALL EXCLUDING INDEXES)
      PARTITION BY RANGE (%2$s)', part.name, part.key);
    EXECUTE format('ALTER TABLE %I ADD PRIMARY KEY %s', part.name, part.primary_key);
    EXECUTE format('CREATE TABLE %1$s_default (LIKE %1$s_initial INCLUDING ALL) WITH (%2$s)',
      part.name, part.storage);
    SELECT string_agg(quote_ident(attname), ', ') INTO column_name FROM pg_attribute
    WHERE attrelid = (part.name || '_initial')::regclass AND attnum > 0 AND NOT attisdropped
      AND attgenerated = '';
    EXECUTE format('WITH moved AS (DELETE FROM %1$s_initial WHERE %2$I >= %3$L RETURNING *)
      INSERT INTO %1$s_default (%4$s) SELECT %4$s FROM moved',
      part.name, part.key, bound, column_name);
    EXECUTE format('ALTER TABLE %1$I ATTACH PARTITION %1$s_initial
      FOR VALUES FROM (MINVALUE) TO (%2$L)', part.name, bound);
    EXECUTE format('ALTER TABLE %1$I ATTACH PARTITION %1$s_default DEFAULT', part.name);
  END LOOP;
END $$;

ALTER INDEX jobs_pipeline RENAME TO jobs_initial_pipeline;
CREATE INDEX jobs_pipeline ON jobs (pipeline_name, id);
CREATE INDEX jobs_ended ON jobs (ended_as, id) WHERE ended_as IS NOT NULL;
ALTER INDEX job_secret_inputs_key RENAME TO job_secret_inputs_initial_key;
CREATE INDEX job_secret_inputs_key ON job_secret_inputs (master_key_id);

CREATE TRIGGER jobs_immutable BEFORE UPDATE OF id, pipeline_id, version, pipeline_name, launched_by,
    priority, created_at, inputs, tags, retry_of, event ON jobs
  FOR EACH ROW EXECUTE FUNCTION refuse_job_change();
-- The same table of transitions is in packages/protocol/src/states.ts and docs/architecture.md.
CREATE TRIGGER jobs_transition BEFORE UPDATE OF state ON jobs FOR EACH ROW
  WHEN (NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (
    ('queued', 'running'), ('queued', 'failed'), ('queued', 'canceled'),
    ('running', 'succeeded'), ('running', 'failed'), ('running', 'canceled'),
    ('running', 'queued')))
  EXECUTE FUNCTION refuse_job_transition();
-- A stage that is run again begins anew, with a higher `run`.
CREATE TRIGGER job_stages_transition BEFORE UPDATE ON job_stages FOR EACH ROW
  WHEN (NEW.run < OLD.run OR NEW.run = OLD.run AND NEW.state <> OLD.state
    AND (OLD.state, NEW.state) NOT IN (
      ('pending', 'running'), ('pending', 'skipped'), ('pending', 'canceled'),
      ('running', 'succeeded'), ('running', 'failed'), ('running', 'canceled')))
  EXECUTE FUNCTION refuse_stage_transition();

-- Older programs would keep running attempts where nobody looks for them any more.
UPDATE schema_compatibility SET needs_migration = greatest(needs_migration, 10);
