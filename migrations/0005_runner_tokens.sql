-- Runners prove who they are, run only the pipelines they are for, and cannot fill the database.

CREATE TABLE registration_tokens (
  id uuid PRIMARY KEY,
  -- SHA-256 of the token, which nobody can be shown again.
  token_hash bytea NOT NULL UNIQUE CHECK (octet_length(token_hash) = 32),
  -- Its first characters, by which an administrator knows it.
  prefix text NOT NULL,
  description text NOT NULL,
  uses_max integer NOT NULL CHECK (uses_max >= 1),
  uses integer NOT NULL DEFAULT 0,
  -- What every runner registered with it gets: [{"key": "env", "value": "prod"}, …]
  tags json NOT NULL,
  -- Keys of the tags that such a runner may say about itself.
  tag_keys text[] NOT NULL,
  -- Patterns of the names of the pipelines that such a runner may run.
  pipelines text[] NOT NULL CHECK (cardinality(pipelines) >= 1),
  created_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  CHECK (uses BETWEEN 0 AND uses_max)
);

ALTER TABLE runners
  -- SHA-256 of the token that the runner uses.
  ADD COLUMN token_hash bytea UNIQUE CHECK (octet_length(token_hash) = 32),
  -- Of the one that replaces it as soon as it is used.
  ADD COLUMN next_token_hash bytea UNIQUE CHECK (octet_length(next_token_hash) = 32),
  ADD COLUMN token_since timestamptz NOT NULL DEFAULT now(),
  -- Somebody wants the runner to change its token.
  ADD COLUMN rotation_asked boolean NOT NULL DEFAULT false,
  -- From the registration token, which may be gone by now.
  ADD COLUMN registered_with uuid,
  ADD COLUMN fixed_tags json NOT NULL DEFAULT '[]',
  ADD COLUMN tag_keys text[] NOT NULL DEFAULT '{}',
  ADD COLUMN pipelines text[] NOT NULL DEFAULT '{*}' CHECK (cardinality(pipelines) >= 1),
  -- A revoked runner stays, for the jobs that it ran.
  ADD COLUMN revoked_at timestamptz;

-- They have no token: each registers anew.
UPDATE runners SET revoked_at = now();
ALTER TABLE runners
  ADD CONSTRAINT runners_token CHECK (revoked_at IS NOT NULL OR token_hash IS NOT NULL),
  DROP CONSTRAINT runners_name_key;
CREATE UNIQUE INDEX runners_name ON runners (name) WHERE revoked_at IS NULL;

ALTER TABLE job_queue ADD COLUMN pipeline_name text NOT NULL DEFAULT '';
UPDATE job_queue q SET pipeline_name = j.pipeline_name FROM jobs j WHERE j.id = q.job_id;
ALTER TABLE job_queue ALTER COLUMN pipeline_name DROP DEFAULT;

-- What the log of the attempt takes, before it is compressed.
ALTER TABLE job_attempts ADD COLUMN log_bytes bigint NOT NULL DEFAULT 0;

-- Older programs would let runners in without a token.
UPDATE schema_compatibility SET needs_migration = greatest(needs_migration, 5);
