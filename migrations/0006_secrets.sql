-- Secrets: sealed values, their versions, and which pipelines they are given to.
-- Wherever these three columns stand together they are one sealed value: `box` is the value,
-- encrypted with a key of its own, which the master key of that id has wrapped.

-- What other keys of this installation are derived from, and what tells a wrong master key.
ALTER TABLE installation
  ADD COLUMN master_key_id text,
  ADD COLUMN wrapped_key bytea,
  ADD COLUMN box bytea,
  ADD CHECK (num_nulls(master_key_id, wrapped_key, box) IN (0, 3));

CREATE TABLE secrets (
  id uuid PRIMARY KEY,
  -- The name of the one pipeline that it is for; empty: the installation's.
  scope text NOT NULL,
  name text NOT NULL CHECK (name ~ '^[A-Za-z_][A-Za-z0-9_]{0,199}$'),
  provider text NOT NULL CHECK (provider IN ('database', 'environment', 'file', 'vault')),
  -- What the provider knows it by; nothing for values in this database.
  reference text,
  -- The version of the value that counts; 0 for values that are elsewhere.
  version integer NOT NULL,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_by text NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now(),
  -- When a job was last given it; at most an hour behind, so that it is seldom written.
  used_at timestamptz,
  UNIQUE (scope, name),
  CHECK ((provider = 'database') = (reference IS NULL)),
  CHECK ((provider = 'database') = (version > 0))
);

CREATE TABLE secret_versions (
  secret_id uuid NOT NULL REFERENCES secrets ON DELETE CASCADE,
  version integer NOT NULL CHECK (version >= 1),
  master_key_id text NOT NULL,
  wrapped_key bytea NOT NULL,
  box bytea NOT NULL,
  -- The version whose value this one has again.
  restored_from integer,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (secret_id, version)
);
CREATE INDEX secret_versions_key ON secret_versions (master_key_id);

CREATE TABLE secret_grants (
  secret_id uuid NOT NULL REFERENCES secrets ON DELETE CASCADE,
  -- Of the names of pipelines; `*` stands for any text.
  pipelines text NOT NULL,
  -- What the jobs must have been launched by.
  events text[] NOT NULL CHECK (cardinality(events) > 0 AND events <@ '{manual,api}'),
  created_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (secret_id, pipelines)
);

-- The values of secret inputs; `jobs.inputs` has *** in their place.
CREATE TABLE job_secret_inputs (
  job_id uuid PRIMARY KEY REFERENCES jobs,
  master_key_id text NOT NULL,
  wrapped_key bytea NOT NULL,
  box bytea NOT NULL
);
CREATE INDEX job_secret_inputs_key ON job_secret_inputs (master_key_id);

-- What launched the job: a person (`manual`) or a program with an API key (`api`).
ALTER TABLE jobs ADD COLUMN event text NOT NULL DEFAULT 'api'
  CONSTRAINT jobs_event_check CHECK (event IN ('manual', 'api'));
ALTER TABLE jobs ALTER COLUMN event DROP DEFAULT;

CREATE FUNCTION check_job_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'what was launched never changes: job %', OLD.id
    USING ERRCODE = 'check_violation', CONSTRAINT = 'jobs_immutable';
END $$;
CREATE TRIGGER jobs_event BEFORE UPDATE OF event ON jobs
  FOR EACH ROW WHEN (NEW.event <> OLD.event) EXECUTE FUNCTION check_job_event();
