-- The schema that the migrations make. A test writes and compares it.

CREATE TABLE idempotency_keys (
  key text NOT NULL,
  digest text NOT NULL,
  job_id uuid NOT NULL,
  created_at timestamp with time zone NOT NULL DEFAULT now()
);

CREATE TABLE job_attempts (
  job_id uuid NOT NULL,
  attempt integer NOT NULL,
  runner_id uuid NOT NULL,
  request_id uuid NOT NULL,
  lease_id uuid NOT NULL,
  lease_until timestamp with time zone NOT NULL,
  last_seq integer NOT NULL DEFAULT 0,
  log_lines integer NOT NULL DEFAULT 0,
  started_at timestamp with time zone NOT NULL DEFAULT now(),
  ended_at timestamp with time zone,
  result text,
  reason text,
  message text,
  code text,
  summary text
);

CREATE TABLE job_logs (
  job_id uuid NOT NULL,
  attempt integer NOT NULL,
  first_line integer NOT NULL,
  line_count integer NOT NULL,
  bytes bytea NOT NULL
);

CREATE TABLE job_outputs (
  job_id uuid NOT NULL,
  attempt integer NOT NULL,
  name text NOT NULL,
  value json NOT NULL
);

CREATE TABLE job_queue (
  job_id uuid NOT NULL,
  priority integer NOT NULL,
  run_after timestamp with time zone NOT NULL DEFAULT now(),
  needs text[] NOT NULL
);

CREATE TABLE job_stages (
  job_id uuid NOT NULL,
  attempt integer NOT NULL,
  name text NOT NULL,
  state text NOT NULL,
  reason text,
  code text,
  run integer NOT NULL,
  unchecked_exits integer NOT NULL DEFAULT 0,
  started_at timestamp with time zone,
  finished_at timestamp with time zone
);

CREATE TABLE jobs (
  id uuid NOT NULL,
  pipeline_id uuid NOT NULL,
  version integer NOT NULL,
  pipeline_name text NOT NULL,
  inputs json NOT NULL,
  launched_by text NOT NULL,
  tags json NOT NULL,
  priority integer NOT NULL,
  retry_of uuid,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  state text NOT NULL DEFAULT 'queued'::text,
  reason text,
  message text,
  attempt integer NOT NULL DEFAULT 0,
  runner_id uuid,
  cancel_requested boolean NOT NULL DEFAULT false,
  started_at timestamp with time zone,
  finished_at timestamp with time zone
);

CREATE TABLE pipeline_versions (
  pipeline_id uuid NOT NULL,
  version integer NOT NULL,
  digest text NOT NULL,
  bundle json NOT NULL,
  definition json NOT NULL,
  created_at timestamp with time zone NOT NULL DEFAULT now()
);

CREATE TABLE pipelines (
  id uuid NOT NULL,
  name text NOT NULL,
  description text NOT NULL,
  version integer NOT NULL,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  updated_at timestamp with time zone NOT NULL DEFAULT now(),
  deleted_at timestamp with time zone
);

CREATE TABLE rivet_migrations (
  id integer NOT NULL DEFAULT nextval('rivet_migrations_id_seq'::regclass),
  name character varying(255) NOT NULL,
  run_on timestamp without time zone NOT NULL
);

CREATE TABLE runners (
  id uuid NOT NULL,
  name text NOT NULL,
  session uuid NOT NULL,
  tags json NOT NULL,
  capacity integer NOT NULL,
  version text NOT NULL,
  draining boolean NOT NULL DEFAULT false,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  last_seen_at timestamp with time zone NOT NULL DEFAULT now()
);

CREATE TABLE schema_compatibility (
  only_row boolean NOT NULL DEFAULT true,
  needs_migration integer NOT NULL
);

ALTER TABLE idempotency_keys ADD CONSTRAINT idempotency_keys_job_id_fkey FOREIGN KEY (job_id) REFERENCES jobs(id);

ALTER TABLE idempotency_keys ADD CONSTRAINT idempotency_keys_pkey PRIMARY KEY (key);

ALTER TABLE job_attempts ADD CONSTRAINT job_attempts_attempt_check CHECK ((attempt >= 1));

ALTER TABLE job_attempts ADD CONSTRAINT job_attempts_check CHECK (((ended_at IS NULL) = (result IS NULL)));

ALTER TABLE job_attempts ADD CONSTRAINT job_attempts_job_id_fkey FOREIGN KEY (job_id) REFERENCES jobs(id);

ALTER TABLE job_attempts ADD CONSTRAINT job_attempts_pkey PRIMARY KEY (job_id, attempt);

ALTER TABLE job_attempts ADD CONSTRAINT job_attempts_result_check CHECK ((result = ANY (ARRAY['succeeded'::text, 'failed'::text, 'canceled'::text, 'lost'::text, 'returned'::text])));

ALTER TABLE job_attempts ADD CONSTRAINT job_attempts_runner_id_fkey FOREIGN KEY (runner_id) REFERENCES runners(id);

ALTER TABLE job_logs ADD CONSTRAINT job_logs_first_line_check CHECK ((first_line >= 1));

ALTER TABLE job_logs ADD CONSTRAINT job_logs_job_id_attempt_fkey FOREIGN KEY (job_id, attempt) REFERENCES job_attempts(job_id, attempt);

ALTER TABLE job_logs ADD CONSTRAINT job_logs_line_count_check CHECK ((line_count >= 1));

ALTER TABLE job_logs ADD CONSTRAINT job_logs_pkey PRIMARY KEY (job_id, attempt, first_line);

ALTER TABLE job_outputs ADD CONSTRAINT job_outputs_job_id_attempt_fkey FOREIGN KEY (job_id, attempt) REFERENCES job_attempts(job_id, attempt);

ALTER TABLE job_outputs ADD CONSTRAINT job_outputs_pkey PRIMARY KEY (job_id, attempt, name);

ALTER TABLE job_queue ADD CONSTRAINT job_queue_job_id_fkey FOREIGN KEY (job_id) REFERENCES jobs(id);

ALTER TABLE job_queue ADD CONSTRAINT job_queue_pkey PRIMARY KEY (job_id);

ALTER TABLE job_stages ADD CONSTRAINT job_stages_job_id_attempt_fkey FOREIGN KEY (job_id, attempt) REFERENCES job_attempts(job_id, attempt);

ALTER TABLE job_stages ADD CONSTRAINT job_stages_pkey PRIMARY KEY (job_id, attempt, name);

ALTER TABLE job_stages ADD CONSTRAINT job_stages_run_check CHECK ((run >= 1));

ALTER TABLE job_stages ADD CONSTRAINT job_stages_state_check CHECK ((state = ANY (ARRAY['pending'::text, 'running'::text, 'succeeded'::text, 'failed'::text, 'skipped'::text, 'canceled'::text])));

ALTER TABLE jobs ADD CONSTRAINT jobs_attempt_check CHECK ((attempt >= 0));

ALTER TABLE jobs ADD CONSTRAINT jobs_check CHECK (((state = 'failed'::text) = (reason IS NOT NULL)));

ALTER TABLE jobs ADD CONSTRAINT jobs_check1 CHECK (((state = ANY (ARRAY['succeeded'::text, 'failed'::text, 'canceled'::text])) = (finished_at IS NOT NULL)));

ALTER TABLE jobs ADD CONSTRAINT jobs_check2 CHECK (((state <> 'running'::text) OR ((attempt >= 1) AND (runner_id IS NOT NULL) AND (started_at IS NOT NULL))));

ALTER TABLE jobs ADD CONSTRAINT jobs_check3 CHECK (((state <> 'queued'::text) OR (runner_id IS NULL)));

ALTER TABLE jobs ADD CONSTRAINT jobs_pipeline_id_version_fkey FOREIGN KEY (pipeline_id, version) REFERENCES pipeline_versions(pipeline_id, version);

ALTER TABLE jobs ADD CONSTRAINT jobs_pkey PRIMARY KEY (id);

ALTER TABLE jobs ADD CONSTRAINT jobs_reason_check CHECK ((reason = ANY (ARRAY['stage_failed'::text, 'timeout'::text, 'lua_error'::text, 'lua_limit'::text, 'definition_changed'::text, 'runner_lost'::text, 'infrastructure'::text, 'policy'::text, 'log_limit'::text])));

ALTER TABLE jobs ADD CONSTRAINT jobs_retry_of_fkey FOREIGN KEY (retry_of) REFERENCES jobs(id);

ALTER TABLE jobs ADD CONSTRAINT jobs_runner_id_fkey FOREIGN KEY (runner_id) REFERENCES runners(id);

ALTER TABLE jobs ADD CONSTRAINT jobs_state_check CHECK ((state = ANY (ARRAY['queued'::text, 'running'::text, 'succeeded'::text, 'failed'::text, 'canceled'::text])));

ALTER TABLE pipeline_versions ADD CONSTRAINT pipeline_versions_pipeline_id_fkey FOREIGN KEY (pipeline_id) REFERENCES pipelines(id);

ALTER TABLE pipeline_versions ADD CONSTRAINT pipeline_versions_pkey PRIMARY KEY (pipeline_id, version);

ALTER TABLE pipeline_versions ADD CONSTRAINT pipeline_versions_version_check CHECK ((version >= 1));

ALTER TABLE pipelines ADD CONSTRAINT pipelines_pkey PRIMARY KEY (id);

ALTER TABLE pipelines ADD CONSTRAINT pipelines_version_check CHECK ((version >= 1));

ALTER TABLE rivet_migrations ADD CONSTRAINT rivet_migrations_pkey PRIMARY KEY (id);

ALTER TABLE runners ADD CONSTRAINT runners_capacity_check CHECK ((capacity > 0));

ALTER TABLE runners ADD CONSTRAINT runners_name_key UNIQUE (name);

ALTER TABLE runners ADD CONSTRAINT runners_pkey PRIMARY KEY (id);

ALTER TABLE schema_compatibility ADD CONSTRAINT schema_compatibility_only_row_check CHECK (only_row);

ALTER TABLE schema_compatibility ADD CONSTRAINT schema_compatibility_pkey PRIMARY KEY (only_row);

CREATE INDEX idempotency_keys_age ON public.idempotency_keys USING btree (created_at);

CREATE UNIQUE INDEX idempotency_keys_pkey ON public.idempotency_keys USING btree (key);

CREATE UNIQUE INDEX job_attempts_current ON public.job_attempts USING btree (job_id) WHERE (ended_at IS NULL);

CREATE UNIQUE INDEX job_attempts_pkey ON public.job_attempts USING btree (job_id, attempt);

CREATE INDEX job_attempts_request ON public.job_attempts USING btree (request_id) WHERE (ended_at IS NULL);

CREATE UNIQUE INDEX job_logs_pkey ON public.job_logs USING btree (job_id, attempt, first_line);

CREATE UNIQUE INDEX job_outputs_pkey ON public.job_outputs USING btree (job_id, attempt, name);

CREATE INDEX job_queue_order ON public.job_queue USING btree (priority DESC, job_id);

CREATE UNIQUE INDEX job_queue_pkey ON public.job_queue USING btree (job_id);

CREATE UNIQUE INDEX job_stages_pkey ON public.job_stages USING btree (job_id, attempt, name);

CREATE INDEX jobs_pipeline ON public.jobs USING btree (pipeline_name, id);

CREATE UNIQUE INDEX jobs_pkey ON public.jobs USING btree (id);

CREATE INDEX jobs_runner ON public.jobs USING btree (runner_id) WHERE (state = 'running'::text);

CREATE INDEX jobs_state ON public.jobs USING btree (state, id);

CREATE INDEX jobs_unfinished ON public.jobs USING btree (pipeline_id) WHERE (state = ANY (ARRAY['queued'::text, 'running'::text]));

CREATE UNIQUE INDEX pipeline_versions_pkey ON public.pipeline_versions USING btree (pipeline_id, version);

CREATE UNIQUE INDEX pipelines_name ON public.pipelines USING btree (name) WHERE (deleted_at IS NULL);

CREATE UNIQUE INDEX pipelines_pkey ON public.pipelines USING btree (id);

CREATE UNIQUE INDEX rivet_migrations_pkey ON public.rivet_migrations USING btree (id);

CREATE UNIQUE INDEX runners_name_key ON public.runners USING btree (name);

CREATE UNIQUE INDEX runners_pkey ON public.runners USING btree (id);

CREATE UNIQUE INDEX schema_compatibility_pkey ON public.schema_compatibility USING btree (only_row);

CREATE OR REPLACE FUNCTION public.check_job_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
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
END $function$;

CREATE OR REPLACE FUNCTION public.check_stage_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  IF NEW.run = OLD.run AND NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (
    ('pending', 'running'), ('pending', 'skipped'), ('pending', 'canceled'),
    ('running', 'succeeded'), ('running', 'failed'), ('running', 'canceled')
  ) OR NEW.run < OLD.run THEN
    RAISE EXCEPTION 'a stage cannot go from % to %: stage %', OLD.state, NEW.state, OLD.name
      USING ERRCODE = 'check_violation', CONSTRAINT = 'job_stages_transition';
  END IF;
  RETURN NEW;
END $function$;

CREATE TRIGGER job_stages_change BEFORE UPDATE ON public.job_stages FOR EACH ROW EXECUTE FUNCTION check_stage_change();

CREATE TRIGGER jobs_change BEFORE UPDATE ON public.jobs FOR EACH ROW EXECUTE FUNCTION check_job_change();
