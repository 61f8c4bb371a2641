-- The schema that the migrations make. A test writes and compares it.

CREATE TABLE api_keys (
  id uuid NOT NULL,
  user_id uuid NOT NULL,
  name text NOT NULL,
  hash bytea NOT NULL,
  prefix text NOT NULL,
  permissions text[],
  pipelines text[],
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  expires_at timestamp with time zone,
  last_used_at timestamp with time zone,
  revoked_at timestamp with time zone,
  parent_id uuid
);

CREATE TABLE attempt_limits (
  key bytea NOT NULL,
  free_at timestamp with time zone NOT NULL
);

CREATE TABLE audit_head (
  only_row boolean NOT NULL DEFAULT true,
  position bigint NOT NULL,
  link bytea NOT NULL,
  mac bytea NOT NULL,
  updated_at timestamp with time zone NOT NULL DEFAULT now()
);

CREATE TABLE audit_log (
  id uuid NOT NULL,
  at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  actor_kind text NOT NULL,
  actor_id text NOT NULL,
  actor_name text NOT NULL,
  via_kind text NOT NULL,
  via_id text NOT NULL,
  action text NOT NULL,
  object_kind text NOT NULL,
  object_id text NOT NULL,
  object_name text NOT NULL,
  address text NOT NULL,
  request_id text NOT NULL,
  details json NOT NULL,
  mac bytea NOT NULL,
  position bigint,
  link bytea
);

CREATE TABLE cluster_heartbeat (
  only_row boolean NOT NULL DEFAULT true,
  at timestamp with time zone NOT NULL DEFAULT now()
)
  WITH (fillfactor=10);

CREATE TABLE concurrency_groups (
  name text NOT NULL,
  members_max integer NOT NULL,
  supersedes text NOT NULL,
  launched_at timestamp with time zone NOT NULL DEFAULT now(),
  fair boolean NOT NULL DEFAULT false,
  virtual_time double precision NOT NULL DEFAULT 0
);

CREATE TABLE concurrency_members (
  job_id uuid NOT NULL,
  group_name text NOT NULL,
  admitted boolean NOT NULL DEFAULT false,
  pipeline_id uuid NOT NULL,
  weight integer NOT NULL DEFAULT 1
);

CREATE TABLE concurrency_shares (
  group_name text NOT NULL,
  pipeline_id uuid NOT NULL,
  virtual_time double precision NOT NULL DEFAULT 0
);

CREATE TABLE grants (
  id uuid NOT NULL,
  user_id uuid,
  team_id uuid,
  object_kind text NOT NULL,
  pattern text NOT NULL,
  permissions text[] NOT NULL,
  created_by text NOT NULL,
  created_at timestamp with time zone NOT NULL DEFAULT now()
);

CREATE TABLE idempotency_keys (
  key text NOT NULL,
  digest text NOT NULL,
  job_id uuid NOT NULL,
  created_at timestamp with time zone NOT NULL DEFAULT now()
);

CREATE TABLE installation (
  only_row boolean NOT NULL DEFAULT true,
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  master_key_id text,
  wrapped_key bytea,
  box bytea
);

CREATE TABLE job_attempts (
  job_id uuid NOT NULL,
  attempt integer NOT NULL,
  runner_id uuid NOT NULL,
  lease_id uuid NOT NULL,
  last_seq integer NOT NULL,
  log_lines integer NOT NULL,
  started_at timestamp with time zone NOT NULL,
  ended_at timestamp with time zone NOT NULL,
  result text NOT NULL,
  reason text,
  message text,
  code text,
  summary text,
  log_bytes bigint NOT NULL
) PARTITION BY RANGE (job_id);

CREATE TABLE job_logs (
  job_id uuid NOT NULL,
  attempt integer NOT NULL,
  first_line integer NOT NULL,
  line_count integer NOT NULL,
  bytes bytea NOT NULL
) PARTITION BY RANGE (job_id);

CREATE TABLE job_outputs (
  job_id uuid NOT NULL,
  attempt integer NOT NULL,
  name text NOT NULL,
  value json NOT NULL
) PARTITION BY RANGE (job_id);

CREATE TABLE job_queue (
  job_id uuid NOT NULL,
  priority integer NOT NULL,
  run_after timestamp with time zone NOT NULL DEFAULT now(),
  needs text[] NOT NULL,
  pipeline_name text NOT NULL,
  patterns text[],
  expires_at timestamp with time zone
)
  WITH (autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=500, fillfactor=80, autovacuum_vacuum_cost_delay=0);

CREATE TABLE job_secret_inputs (
  job_id uuid NOT NULL,
  master_key_id text NOT NULL,
  wrapped_key bytea NOT NULL,
  box bytea NOT NULL
) PARTITION BY RANGE (job_id);

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
  finished_at timestamp with time zone,
  noted_at timestamp with time zone NOT NULL DEFAULT now()
) PARTITION BY RANGE (job_id);

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
  finished_at timestamp with time zone,
  event text NOT NULL,
  ended_as text GENERATED ALWAYS AS (
CASE
    WHEN (finished_at IS NOT NULL) THEN state
    ELSE NULL::text
END) STORED,
  concurrency_group text
) PARTITION BY RANGE (id);

CREATE TABLE oidc_codes (
  hash bytea NOT NULL,
  user_id uuid NOT NULL,
  challenge text NOT NULL,
  expires_at timestamp with time zone NOT NULL
);

CREATE TABLE oidc_sign_ins (
  hash bytea NOT NULL,
  cli_redirect text,
  cli_state text,
  cli_challenge text,
  expires_at timestamp with time zone NOT NULL
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

CREATE TABLE registration_tokens (
  id uuid NOT NULL,
  token_hash bytea NOT NULL,
  prefix text NOT NULL,
  description text NOT NULL,
  uses_max integer NOT NULL,
  uses integer NOT NULL DEFAULT 0,
  tags json NOT NULL,
  tag_keys text[] NOT NULL,
  pipelines text[] NOT NULL,
  created_by text NOT NULL,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  expires_at timestamp with time zone NOT NULL
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
  last_seen_at timestamp with time zone NOT NULL DEFAULT now(),
  token_hash bytea,
  next_token_hash bytea,
  token_since timestamp with time zone NOT NULL DEFAULT now(),
  rotation_asked boolean NOT NULL DEFAULT false,
  registered_with uuid,
  fixed_tags json NOT NULL DEFAULT '[]'::json,
  tag_keys text[] NOT NULL DEFAULT '{}'::text[],
  pipelines text[] NOT NULL DEFAULT '{*}'::text[],
  revoked_at timestamp with time zone,
  paused_until timestamp with time zone,
  pause_note text,
  paused_by text,
  drain_asked boolean NOT NULL DEFAULT false,
  connect_number bigint NOT NULL DEFAULT 0,
  problem text
);

CREATE TABLE running_attempts (
  job_id uuid NOT NULL,
  attempt integer NOT NULL,
  runner_id uuid NOT NULL,
  request_id uuid NOT NULL,
  lease_id uuid NOT NULL,
  lease_until timestamp with time zone NOT NULL,
  last_seq integer NOT NULL DEFAULT 0,
  log_lines integer NOT NULL DEFAULT 0,
  log_bytes bigint NOT NULL DEFAULT 0,
  started_at timestamp with time zone NOT NULL DEFAULT now(),
  summary text
)
  WITH (fillfactor=50, autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=1000, autovacuum_vacuum_cost_delay=0);

CREATE TABLE schema_compatibility (
  only_row boolean NOT NULL DEFAULT true,
  needs_migration integer NOT NULL
);

CREATE TABLE secret_grants (
  secret_id uuid NOT NULL,
  pipelines text NOT NULL,
  events text[] NOT NULL,
  created_by text NOT NULL,
  created_at timestamp with time zone NOT NULL DEFAULT now()
);

CREATE TABLE secret_versions (
  secret_id uuid NOT NULL,
  version integer NOT NULL,
  master_key_id text NOT NULL,
  wrapped_key bytea NOT NULL,
  box bytea NOT NULL,
  restored_from integer,
  created_by text NOT NULL,
  created_at timestamp with time zone NOT NULL DEFAULT now()
);

CREATE TABLE secrets (
  id uuid NOT NULL,
  scope text NOT NULL,
  name text NOT NULL,
  provider text NOT NULL,
  reference text,
  version integer NOT NULL,
  created_by text NOT NULL,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  updated_by text NOT NULL,
  updated_at timestamp with time zone NOT NULL DEFAULT now(),
  used_at timestamp with time zone
);

CREATE TABLE sessions (
  id uuid NOT NULL,
  user_id uuid NOT NULL,
  kind text NOT NULL,
  token_hash bytea NOT NULL,
  previous_hash bytea,
  token_version integer NOT NULL,
  address text NOT NULL,
  user_agent text NOT NULL,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  used_at timestamp with time zone NOT NULL DEFAULT now(),
  rotated_at timestamp with time zone NOT NULL DEFAULT now(),
  expires_at timestamp with time zone NOT NULL,
  ended_at timestamp with time zone,
  lineage_hash bytea,
  rotation_salt bytea,
  end_reason text
);

CREATE TABLE setup_tokens (
  hash bytea NOT NULL,
  expires_at timestamp with time zone NOT NULL
);

CREATE TABLE signing_keys (
  id text NOT NULL,
  purpose text NOT NULL,
  public_key json NOT NULL,
  master_key_id text NOT NULL,
  wrapped_key bytea NOT NULL,
  box bytea NOT NULL,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  signs_from timestamp with time zone NOT NULL,
  verifies_until timestamp with time zone
);

CREATE TABLE team_members (
  team_id uuid NOT NULL,
  user_id uuid NOT NULL
);

CREATE TABLE teams (
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  name text NOT NULL,
  everybody boolean NOT NULL DEFAULT false,
  created_at timestamp with time zone NOT NULL DEFAULT now()
);

CREATE TABLE user_identities (
  issuer text NOT NULL,
  subject text NOT NULL,
  user_id uuid NOT NULL,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  last_login_at timestamp with time zone NOT NULL DEFAULT now()
);

CREATE TABLE users (
  id uuid NOT NULL,
  name text NOT NULL,
  role text NOT NULL,
  password_hash text,
  token_version integer NOT NULL DEFAULT 1,
  disabled_at timestamp with time zone,
  last_login_at timestamp with time zone,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  password_temporary boolean NOT NULL DEFAULT false,
  password_expires_at timestamp with time zone,
  password_changed_at timestamp with time zone,
  link_until timestamp with time zone
);

ALTER TABLE api_keys ADD CONSTRAINT api_keys_hash_key UNIQUE (hash);

ALTER TABLE api_keys ADD CONSTRAINT api_keys_parent_id_fkey FOREIGN KEY (parent_id) REFERENCES api_keys(id) ON DELETE CASCADE;

ALTER TABLE api_keys ADD CONSTRAINT api_keys_pkey PRIMARY KEY (id);

ALTER TABLE api_keys ADD CONSTRAINT api_keys_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE;

ALTER TABLE attempt_limits ADD CONSTRAINT attempt_limits_pkey PRIMARY KEY (key);

ALTER TABLE audit_head ADD CONSTRAINT audit_head_only_row_check CHECK (only_row);

ALTER TABLE audit_head ADD CONSTRAINT audit_head_pkey PRIMARY KEY (only_row);

ALTER TABLE audit_head ADD CONSTRAINT audit_head_position_check CHECK (("position" >= 0));

ALTER TABLE audit_log ADD CONSTRAINT audit_log_actor_kind_check CHECK ((actor_kind = ANY (ARRAY['person'::text, 'runner'::text, 'registration'::text, 'anonymous'::text, 'system'::text])));

ALTER TABLE audit_log ADD CONSTRAINT audit_log_check CHECK ((("position" IS NULL) = (link IS NULL)));

ALTER TABLE audit_log ADD CONSTRAINT audit_log_link_check CHECK ((octet_length(link) = 32));

ALTER TABLE audit_log ADD CONSTRAINT audit_log_mac_check CHECK ((octet_length(mac) = 32));

ALTER TABLE audit_log ADD CONSTRAINT audit_log_pkey PRIMARY KEY (id);

ALTER TABLE audit_log ADD CONSTRAINT audit_log_position_check CHECK (("position" >= 1));

ALTER TABLE audit_log ADD CONSTRAINT audit_log_position_key UNIQUE ("position");

ALTER TABLE cluster_heartbeat ADD CONSTRAINT cluster_heartbeat_only_row_check CHECK (only_row);

ALTER TABLE cluster_heartbeat ADD CONSTRAINT cluster_heartbeat_pkey PRIMARY KEY (only_row);

ALTER TABLE concurrency_groups ADD CONSTRAINT concurrency_groups_members_max_check CHECK ((members_max >= 1));

ALTER TABLE concurrency_groups ADD CONSTRAINT concurrency_groups_pkey PRIMARY KEY (name);

ALTER TABLE concurrency_groups ADD CONSTRAINT concurrency_groups_supersedes_check CHECK ((supersedes = ANY (ARRAY['none'::text, 'waiting'::text, 'all'::text])));

ALTER TABLE concurrency_members ADD CONSTRAINT concurrency_members_group_name_fkey FOREIGN KEY (group_name) REFERENCES concurrency_groups(name);

ALTER TABLE concurrency_members ADD CONSTRAINT concurrency_members_pkey PRIMARY KEY (job_id);

ALTER TABLE concurrency_members ADD CONSTRAINT concurrency_members_weight_check CHECK ((weight >= 1));

ALTER TABLE concurrency_shares ADD CONSTRAINT concurrency_shares_group_name_fkey FOREIGN KEY (group_name) REFERENCES concurrency_groups(name) ON DELETE CASCADE;

ALTER TABLE concurrency_shares ADD CONSTRAINT concurrency_shares_pkey PRIMARY KEY (group_name, pipeline_id);

ALTER TABLE grants ADD CONSTRAINT grants_check CHECK ((num_nonnulls(user_id, team_id) = 1));

ALTER TABLE grants ADD CONSTRAINT grants_object_kind_check CHECK ((object_kind = ANY (ARRAY['pipeline'::text, 'secret'::text])));

ALTER TABLE grants ADD CONSTRAINT grants_permissions_check CHECK ((cardinality(permissions) > 0));

ALTER TABLE grants ADD CONSTRAINT grants_pkey PRIMARY KEY (id);

ALTER TABLE grants ADD CONSTRAINT grants_team_id_fkey FOREIGN KEY (team_id) REFERENCES teams(id) ON DELETE CASCADE;

ALTER TABLE grants ADD CONSTRAINT grants_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE;

ALTER TABLE idempotency_keys ADD CONSTRAINT idempotency_keys_pkey PRIMARY KEY (key);

ALTER TABLE installation ADD CONSTRAINT installation_check CHECK ((num_nulls(master_key_id, wrapped_key, box) = ANY (ARRAY[0, 3])));

ALTER TABLE installation ADD CONSTRAINT installation_only_row_check CHECK (only_row);

ALTER TABLE installation ADD CONSTRAINT installation_pkey PRIMARY KEY (only_row);

ALTER TABLE job_attempts ADD CONSTRAINT job_attempts_attempt_check CHECK ((attempt >= 1));

ALTER TABLE job_attempts ADD CONSTRAINT job_attempts_pkey PRIMARY KEY (job_id, attempt);

ALTER TABLE job_attempts ADD CONSTRAINT job_attempts_result_check CHECK ((result = ANY (ARRAY['succeeded'::text, 'failed'::text, 'canceled'::text, 'lost'::text, 'returned'::text])));

ALTER TABLE job_logs ADD CONSTRAINT job_logs_first_line_check CHECK ((first_line >= 1));

ALTER TABLE job_logs ADD CONSTRAINT job_logs_line_count_check CHECK ((line_count >= 1));

ALTER TABLE job_logs ADD CONSTRAINT job_logs_pkey PRIMARY KEY (job_id, attempt, first_line);

ALTER TABLE job_outputs ADD CONSTRAINT job_outputs_pkey PRIMARY KEY (job_id, attempt, name);

ALTER TABLE job_queue ADD CONSTRAINT job_queue_pkey PRIMARY KEY (job_id);

ALTER TABLE job_secret_inputs ADD CONSTRAINT job_secret_inputs_pkey PRIMARY KEY (job_id);

ALTER TABLE job_stages ADD CONSTRAINT job_stages_pkey PRIMARY KEY (job_id, attempt, name);

ALTER TABLE job_stages ADD CONSTRAINT job_stages_run_check CHECK ((run >= 1));

ALTER TABLE job_stages ADD CONSTRAINT job_stages_state_check CHECK ((state = ANY (ARRAY['pending'::text, 'running'::text, 'succeeded'::text, 'failed'::text, 'skipped'::text, 'canceled'::text])));

ALTER TABLE jobs ADD CONSTRAINT jobs_attempt_check CHECK ((attempt >= 0));

ALTER TABLE jobs ADD CONSTRAINT jobs_check CHECK (((state = 'failed'::text) = (reason IS NOT NULL)));

ALTER TABLE jobs ADD CONSTRAINT jobs_check1 CHECK (((state = ANY (ARRAY['succeeded'::text, 'failed'::text, 'canceled'::text])) = (finished_at IS NOT NULL)));

ALTER TABLE jobs ADD CONSTRAINT jobs_check2 CHECK (((state <> 'running'::text) OR ((attempt >= 1) AND (runner_id IS NOT NULL) AND (started_at IS NOT NULL))));

ALTER TABLE jobs ADD CONSTRAINT jobs_check3 CHECK (((state <> 'queued'::text) OR (runner_id IS NULL)));

ALTER TABLE jobs ADD CONSTRAINT jobs_event_check CHECK ((event = ANY (ARRAY['manual'::text, 'api'::text])));

ALTER TABLE jobs ADD CONSTRAINT jobs_pkey PRIMARY KEY (id);

ALTER TABLE jobs ADD CONSTRAINT jobs_reason_check CHECK ((reason = ANY (ARRAY['stage_failed'::text, 'timeout'::text, 'lua_error'::text, 'lua_limit'::text, 'definition_changed'::text, 'runner_lost'::text, 'infrastructure'::text, 'policy'::text, 'log_limit'::text, 'interrupted'::text, 'expired'::text]))) NOT VALID;

ALTER TABLE jobs ADD CONSTRAINT jobs_state_check CHECK ((state = ANY (ARRAY['queued'::text, 'running'::text, 'succeeded'::text, 'failed'::text, 'canceled'::text])));

ALTER TABLE oidc_codes ADD CONSTRAINT oidc_codes_pkey PRIMARY KEY (hash);

ALTER TABLE oidc_codes ADD CONSTRAINT oidc_codes_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE;

ALTER TABLE oidc_sign_ins ADD CONSTRAINT oidc_sign_ins_pkey PRIMARY KEY (hash);

ALTER TABLE pipeline_versions ADD CONSTRAINT pipeline_versions_pipeline_id_fkey FOREIGN KEY (pipeline_id) REFERENCES pipelines(id);

ALTER TABLE pipeline_versions ADD CONSTRAINT pipeline_versions_pkey PRIMARY KEY (pipeline_id, version);

ALTER TABLE pipeline_versions ADD CONSTRAINT pipeline_versions_version_check CHECK ((version >= 1));

ALTER TABLE pipelines ADD CONSTRAINT pipelines_pkey PRIMARY KEY (id);

ALTER TABLE pipelines ADD CONSTRAINT pipelines_version_check CHECK ((version >= 1));

ALTER TABLE registration_tokens ADD CONSTRAINT registration_tokens_check CHECK (((uses >= 0) AND (uses <= uses_max)));

ALTER TABLE registration_tokens ADD CONSTRAINT registration_tokens_pipelines_check CHECK ((cardinality(pipelines) >= 1));

ALTER TABLE registration_tokens ADD CONSTRAINT registration_tokens_pkey PRIMARY KEY (id);

ALTER TABLE registration_tokens ADD CONSTRAINT registration_tokens_token_hash_check CHECK ((octet_length(token_hash) = 32));

ALTER TABLE registration_tokens ADD CONSTRAINT registration_tokens_token_hash_key UNIQUE (token_hash);

ALTER TABLE registration_tokens ADD CONSTRAINT registration_tokens_uses_max_check CHECK ((uses_max >= 1));

ALTER TABLE rivet_migrations ADD CONSTRAINT rivet_migrations_pkey PRIMARY KEY (id);

ALTER TABLE runners ADD CONSTRAINT runners_capacity_check CHECK ((capacity > 0));

ALTER TABLE runners ADD CONSTRAINT runners_connect_number_check CHECK ((connect_number >= 0));

ALTER TABLE runners ADD CONSTRAINT runners_next_token_hash_check CHECK ((octet_length(next_token_hash) = 32));

ALTER TABLE runners ADD CONSTRAINT runners_next_token_hash_key UNIQUE (next_token_hash);

ALTER TABLE runners ADD CONSTRAINT runners_pause CHECK ((((paused_until IS NULL) = (paused_by IS NULL)) AND ((pause_note IS NULL) OR (paused_until IS NOT NULL)) AND ((NOT drain_asked) OR (paused_until IS NOT NULL))));

ALTER TABLE runners ADD CONSTRAINT runners_pipelines_check CHECK ((cardinality(pipelines) >= 1));

ALTER TABLE runners ADD CONSTRAINT runners_pkey PRIMARY KEY (id);

ALTER TABLE runners ADD CONSTRAINT runners_token CHECK (((revoked_at IS NOT NULL) OR (token_hash IS NOT NULL)));

ALTER TABLE runners ADD CONSTRAINT runners_token_hash_check CHECK ((octet_length(token_hash) = 32));

ALTER TABLE runners ADD CONSTRAINT runners_token_hash_key UNIQUE (token_hash);

ALTER TABLE running_attempts ADD CONSTRAINT running_attempts_attempt_check CHECK ((attempt >= 1));

ALTER TABLE running_attempts ADD CONSTRAINT running_attempts_pkey PRIMARY KEY (job_id);

ALTER TABLE schema_compatibility ADD CONSTRAINT schema_compatibility_only_row_check CHECK (only_row);

ALTER TABLE schema_compatibility ADD CONSTRAINT schema_compatibility_pkey PRIMARY KEY (only_row);

ALTER TABLE secret_grants ADD CONSTRAINT secret_grants_events_check CHECK (((cardinality(events) > 0) AND (events <@ '{manual,api}'::text[])));

ALTER TABLE secret_grants ADD CONSTRAINT secret_grants_pkey PRIMARY KEY (secret_id, pipelines);

ALTER TABLE secret_grants ADD CONSTRAINT secret_grants_secret_id_fkey FOREIGN KEY (secret_id) REFERENCES secrets(id) ON DELETE CASCADE;

ALTER TABLE secret_versions ADD CONSTRAINT secret_versions_pkey PRIMARY KEY (secret_id, version);

ALTER TABLE secret_versions ADD CONSTRAINT secret_versions_secret_id_fkey FOREIGN KEY (secret_id) REFERENCES secrets(id) ON DELETE CASCADE;

ALTER TABLE secret_versions ADD CONSTRAINT secret_versions_version_check CHECK ((version >= 1));

ALTER TABLE secrets ADD CONSTRAINT secrets_check CHECK (((provider = 'database'::text) = (reference IS NULL)));

ALTER TABLE secrets ADD CONSTRAINT secrets_check1 CHECK (((provider = 'database'::text) = (version > 0)));

ALTER TABLE secrets ADD CONSTRAINT secrets_name_check CHECK ((name ~ '^[A-Za-z_][A-Za-z0-9_]{0,199}$'::text));

ALTER TABLE secrets ADD CONSTRAINT secrets_pkey PRIMARY KEY (id);

ALTER TABLE secrets ADD CONSTRAINT secrets_provider_check CHECK ((provider = ANY (ARRAY['database'::text, 'environment'::text, 'file'::text, 'vault'::text])));

ALTER TABLE secrets ADD CONSTRAINT secrets_scope_name_key UNIQUE (scope, name);

ALTER TABLE sessions ADD CONSTRAINT sessions_kind_check CHECK ((kind = ANY (ARRAY['cli'::text, 'browser'::text])));

ALTER TABLE sessions ADD CONSTRAINT sessions_lineage_hash_key UNIQUE (lineage_hash);

ALTER TABLE sessions ADD CONSTRAINT sessions_pkey PRIMARY KEY (id);

ALTER TABLE sessions ADD CONSTRAINT sessions_previous_hash_key UNIQUE (previous_hash);

ALTER TABLE sessions ADD CONSTRAINT sessions_token_hash_key UNIQUE (token_hash);

ALTER TABLE sessions ADD CONSTRAINT sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE;

ALTER TABLE setup_tokens ADD CONSTRAINT setup_tokens_pkey PRIMARY KEY (hash);

ALTER TABLE signing_keys ADD CONSTRAINT signing_keys_pkey PRIMARY KEY (id);

ALTER TABLE signing_keys ADD CONSTRAINT signing_keys_purpose_check CHECK ((purpose = ANY (ARRAY['access'::text, 'identity'::text])));

ALTER TABLE team_members ADD CONSTRAINT team_members_pkey PRIMARY KEY (team_id, user_id);

ALTER TABLE team_members ADD CONSTRAINT team_members_team_id_fkey FOREIGN KEY (team_id) REFERENCES teams(id) ON DELETE CASCADE;

ALTER TABLE team_members ADD CONSTRAINT team_members_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE;

ALTER TABLE teams ADD CONSTRAINT teams_name_check CHECK ((name ~ '^[a-z0-9][a-z0-9._-]{0,99}$'::text));

ALTER TABLE teams ADD CONSTRAINT teams_name_key UNIQUE (name);

ALTER TABLE teams ADD CONSTRAINT teams_pkey PRIMARY KEY (id);

ALTER TABLE user_identities ADD CONSTRAINT user_identities_pkey PRIMARY KEY (issuer, subject);

ALTER TABLE user_identities ADD CONSTRAINT user_identities_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE;

ALTER TABLE users ADD CONSTRAINT users_name_check CHECK ((name ~ '^[a-z0-9][a-z0-9._@+-]{0,99}$'::text));

ALTER TABLE users ADD CONSTRAINT users_name_key UNIQUE (name);

ALTER TABLE users ADD CONSTRAINT users_pkey PRIMARY KEY (id);

ALTER TABLE users ADD CONSTRAINT users_role_check CHECK ((role = ANY (ARRAY['admin'::text, 'user'::text, 'viewer'::text])));

CREATE UNIQUE INDEX api_keys_hash_key ON public.api_keys USING btree (hash);

CREATE INDEX api_keys_parent ON public.api_keys USING btree (parent_id);

CREATE UNIQUE INDEX api_keys_pkey ON public.api_keys USING btree (id);

CREATE INDEX api_keys_user ON public.api_keys USING btree (user_id);

CREATE INDEX attempt_limits_free_at ON public.attempt_limits USING btree (free_at);

CREATE UNIQUE INDEX attempt_limits_pkey ON public.attempt_limits USING btree (key);

CREATE UNIQUE INDEX audit_head_pkey ON public.audit_head USING btree (only_row);

CREATE UNIQUE INDEX audit_log_pkey ON public.audit_log USING btree (id);

CREATE UNIQUE INDEX audit_log_position_key ON public.audit_log USING btree ("position");

CREATE INDEX audit_log_time ON public.audit_log USING btree (at, id);

CREATE INDEX audit_log_unchained ON public.audit_log USING btree (at, id) WHERE ("position" IS NULL);

CREATE UNIQUE INDEX cluster_heartbeat_pkey ON public.cluster_heartbeat USING btree (only_row);

CREATE UNIQUE INDEX concurrency_groups_pkey ON public.concurrency_groups USING btree (name);

CREATE INDEX concurrency_members_group ON public.concurrency_members USING btree (group_name, job_id);

CREATE UNIQUE INDEX concurrency_members_pkey ON public.concurrency_members USING btree (job_id);

CREATE INDEX concurrency_members_waiting ON public.concurrency_members USING btree (group_name, pipeline_id, job_id) WHERE (NOT admitted);

CREATE UNIQUE INDEX concurrency_shares_pkey ON public.concurrency_shares USING btree (group_name, pipeline_id);

CREATE UNIQUE INDEX grants_pkey ON public.grants USING btree (id);

CREATE INDEX grants_team ON public.grants USING btree (team_id);

CREATE UNIQUE INDEX grants_team_same ON public.grants USING btree (team_id, object_kind, pattern, permissions) WHERE (team_id IS NOT NULL);

CREATE INDEX grants_user ON public.grants USING btree (user_id);

CREATE UNIQUE INDEX grants_user_same ON public.grants USING btree (user_id, object_kind, pattern, permissions) WHERE (user_id IS NOT NULL);

CREATE INDEX idempotency_keys_age ON public.idempotency_keys USING btree (created_at);

CREATE INDEX idempotency_keys_job ON public.idempotency_keys USING btree (job_id);

CREATE UNIQUE INDEX idempotency_keys_pkey ON public.idempotency_keys USING btree (key);

CREATE UNIQUE INDEX installation_pkey ON public.installation USING btree (only_row);

CREATE UNIQUE INDEX job_attempts_pkey ON ONLY public.job_attempts USING btree (job_id, attempt);

CREATE UNIQUE INDEX job_logs_pkey ON ONLY public.job_logs USING btree (job_id, attempt, first_line);

CREATE UNIQUE INDEX job_outputs_pkey ON ONLY public.job_outputs USING btree (job_id, attempt, name);

CREATE INDEX job_queue_expiry ON public.job_queue USING btree (expires_at) WHERE (expires_at IS NOT NULL);

CREATE INDEX job_queue_order ON public.job_queue USING btree (((- priority)), job_id);

CREATE UNIQUE INDEX job_queue_pkey ON public.job_queue USING btree (job_id);

CREATE INDEX job_queue_shares ON public.job_queue USING btree (pipeline_name COLLATE "C", ((- priority)), job_id);

CREATE INDEX job_secret_inputs_key ON ONLY public.job_secret_inputs USING btree (master_key_id);

CREATE UNIQUE INDEX job_secret_inputs_pkey ON ONLY public.job_secret_inputs USING btree (job_id);

CREATE UNIQUE INDEX job_stages_pkey ON ONLY public.job_stages USING btree (job_id, attempt, name);

CREATE INDEX jobs_ended ON ONLY public.jobs USING btree (ended_as, id) WHERE (ended_as IS NOT NULL);

CREATE INDEX jobs_pipeline ON ONLY public.jobs USING btree (pipeline_name, id);

CREATE UNIQUE INDEX jobs_pkey ON ONLY public.jobs USING btree (id);

CREATE UNIQUE INDEX oidc_codes_pkey ON public.oidc_codes USING btree (hash);

CREATE UNIQUE INDEX oidc_sign_ins_pkey ON public.oidc_sign_ins USING btree (hash);

CREATE UNIQUE INDEX pipeline_versions_pkey ON public.pipeline_versions USING btree (pipeline_id, version);

CREATE UNIQUE INDEX pipelines_name ON public.pipelines USING btree (name) WHERE (deleted_at IS NULL);

CREATE UNIQUE INDEX pipelines_pkey ON public.pipelines USING btree (id);

CREATE UNIQUE INDEX registration_tokens_pkey ON public.registration_tokens USING btree (id);

CREATE UNIQUE INDEX registration_tokens_token_hash_key ON public.registration_tokens USING btree (token_hash);

CREATE UNIQUE INDEX rivet_migrations_pkey ON public.rivet_migrations USING btree (id);

CREATE UNIQUE INDEX runners_name ON public.runners USING btree (name) WHERE (revoked_at IS NULL);

CREATE UNIQUE INDEX runners_next_token_hash_key ON public.runners USING btree (next_token_hash);

CREATE UNIQUE INDEX runners_pkey ON public.runners USING btree (id);

CREATE UNIQUE INDEX runners_token_hash_key ON public.runners USING btree (token_hash);

CREATE UNIQUE INDEX running_attempts_pkey ON public.running_attempts USING btree (job_id);

CREATE INDEX running_attempts_runner ON public.running_attempts USING btree (runner_id, request_id);

CREATE UNIQUE INDEX schema_compatibility_pkey ON public.schema_compatibility USING btree (only_row);

CREATE UNIQUE INDEX secret_grants_pkey ON public.secret_grants USING btree (secret_id, pipelines);

CREATE INDEX secret_versions_key ON public.secret_versions USING btree (master_key_id);

CREATE UNIQUE INDEX secret_versions_pkey ON public.secret_versions USING btree (secret_id, version);

CREATE UNIQUE INDEX secrets_pkey ON public.secrets USING btree (id);

CREATE UNIQUE INDEX secrets_scope_name_key ON public.secrets USING btree (scope, name);

CREATE UNIQUE INDEX sessions_lineage_hash_key ON public.sessions USING btree (lineage_hash);

CREATE UNIQUE INDEX sessions_pkey ON public.sessions USING btree (id);

CREATE UNIQUE INDEX sessions_previous_hash_key ON public.sessions USING btree (previous_hash);

CREATE UNIQUE INDEX sessions_token_hash_key ON public.sessions USING btree (token_hash);

CREATE INDEX sessions_user ON public.sessions USING btree (user_id);

CREATE UNIQUE INDEX setup_tokens_pkey ON public.setup_tokens USING btree (hash);

CREATE UNIQUE INDEX signing_keys_pkey ON public.signing_keys USING btree (id);

CREATE UNIQUE INDEX team_members_pkey ON public.team_members USING btree (team_id, user_id);

CREATE INDEX team_members_user ON public.team_members USING btree (user_id);

CREATE UNIQUE INDEX teams_name_key ON public.teams USING btree (name);

CREATE UNIQUE INDEX teams_pkey ON public.teams USING btree (id);

CREATE UNIQUE INDEX user_identities_pkey ON public.user_identities USING btree (issuer, subject);

CREATE INDEX user_identities_user ON public.user_identities USING btree (user_id);

CREATE UNIQUE INDEX users_name_key ON public.users USING btree (name);

CREATE UNIQUE INDEX users_pkey ON public.users USING btree (id);

CREATE OR REPLACE FUNCTION public.admit_fairly(wanted text)
 RETURNS uuid
 LANGUAGE plpgsql
AS $function$
DECLARE
  next record;
BEGIN
  SELECT w.job_id, w.weight, s.pipeline_id, greatest(s.virtual_time, g.virtual_time) AS begins_at
  INTO next
  FROM concurrency_groups g JOIN concurrency_shares s ON s.group_name = g.name,
    LATERAL (
      SELECT m.job_id, m.weight FROM concurrency_members m
      WHERE m.group_name = g.name AND m.pipeline_id = s.pipeline_id AND NOT m.admitted
      ORDER BY m.job_id LIMIT 1) w
  WHERE g.name = wanted ORDER BY begins_at, w.job_id LIMIT 1;
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  -- Somebody may be about to end it.
  PERFORM FROM job_queue WHERE job_id = next.job_id FOR UPDATE SKIP LOCKED;
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  UPDATE concurrency_members SET admitted = true WHERE job_id = next.job_id;
  UPDATE job_queue SET run_after = now() WHERE job_id = next.job_id;
  UPDATE concurrency_groups SET virtual_time = next.begins_at WHERE name = wanted;
  UPDATE concurrency_shares SET virtual_time = next.begins_at + 1.0 / next.weight
  WHERE group_name = wanted AND pipeline_id = next.pipeline_id;
  RETURN next.job_id;
END $function$;

CREATE OR REPLACE FUNCTION public.admit_members(wanted text)
 RETURNS integer
 LANGUAGE plpgsql
AS $function$
DECLARE
  room integer;
  is_fair boolean;
  admitted_now integer := 0;
BEGIN
  SELECT members_max, fair INTO room, is_fair
  FROM concurrency_groups WHERE name = wanted FOR UPDATE SKIP LOCKED;
  IF NOT FOUND THEN
    RETURN 0;
  END IF;
  -- A statement of its own: it sees what was committed before the lock was given.
  room := room - (SELECT count(*) FROM concurrency_members
    WHERE group_name = wanted AND admitted);
  IF room <= 0 THEN
    RETURN 0;
  END IF;
  IF is_fair THEN
    WHILE admitted_now < room AND admit_fairly(wanted) IS NOT NULL LOOP
      admitted_now := admitted_now + 1;
    END LOOP;
  ELSE
    WITH chosen AS (
      SELECT m.job_id FROM concurrency_members m JOIN job_queue q ON q.job_id = m.job_id
      WHERE m.group_name = wanted AND NOT m.admitted
      ORDER BY m.job_id LIMIT room FOR UPDATE OF m, q SKIP LOCKED
    ), members AS (
      UPDATE concurrency_members m SET admitted = true FROM chosen c WHERE m.job_id = c.job_id
    )
    UPDATE job_queue q SET run_after = now() FROM chosen c WHERE q.job_id = c.job_id;
    GET DIAGNOSTICS admitted_now = ROW_COUNT;
  END IF;
  IF admitted_now > 0 THEN
    PERFORM pg_notify('rivet_queue', '');
  END IF;
  RETURN admitted_now;
END $function$;

CREATE OR REPLACE FUNCTION public.fit_tags(patterns text[], tags text[])
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
  SELECT NOT EXISTS (
    SELECT FROM unnest(patterns) AS p(pattern)
    WHERE NOT EXISTS (SELECT FROM unnest(tags) AS t(tag) WHERE t.tag LIKE p.pattern))
$function$;

CREATE OR REPLACE FUNCTION public.leave_concurrency_group()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  DELETE FROM concurrency_members WHERE job_id = NEW.id;
  PERFORM admit_members(NEW.concurrency_group);
  RETURN NULL;
END $function$;

CREATE OR REPLACE FUNCTION public.refuse_audit_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
DECLARE
  chained audit_log;
BEGIN
  IF TG_OP = 'UPDATE' THEN
    chained := OLD;
    chained.position := NEW.position;
    chained.link := NEW.link;
    IF OLD.position IS NULL AND NEW.position IS NOT NULL AND chained::text = NEW::text THEN
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'the audit log is append-only: % is refused', TG_OP
    USING ERRCODE = 'check_violation', CONSTRAINT = 'audit_log_append_only';
END $function$;

CREATE OR REPLACE FUNCTION public.refuse_delete()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  RAISE EXCEPTION 'rows of % are kept: jobs refer to them', TG_TABLE_NAME
    USING ERRCODE = 'check_violation', CONSTRAINT = TG_TABLE_NAME || '_kept';
END $function$;

CREATE OR REPLACE FUNCTION public.refuse_job_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
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
END $function$;

CREATE OR REPLACE FUNCTION public.refuse_job_transition()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  RAISE EXCEPTION 'a job cannot go from % to %: job %', OLD.state, NEW.state, OLD.id
    USING ERRCODE = 'check_violation', CONSTRAINT = 'jobs_transition';
END $function$;

CREATE OR REPLACE FUNCTION public.refuse_stage_transition()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  RAISE EXCEPTION 'a stage cannot go from % to %: stage %', OLD.state, NEW.state, OLD.name
    USING ERRCODE = 'check_violation', CONSTRAINT = 'job_stages_transition';
END $function$;

CREATE TRIGGER audit_log_rows BEFORE DELETE OR UPDATE ON public.audit_log FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();

CREATE TRIGGER audit_log_table BEFORE TRUNCATE ON public.audit_log FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();

CREATE TRIGGER job_stages_transition BEFORE UPDATE ON public.job_stages FOR EACH ROW WHEN (((new.run < old.run) OR ((new.run = old.run) AND (new.state <> old.state) AND (((((((old.state <> 'pending'::text) OR (new.state <> 'running'::text)) AND ((old.state <> 'pending'::text) OR (new.state <> 'skipped'::text))) AND ((old.state <> 'pending'::text) OR (new.state <> 'canceled'::text))) AND ((old.state <> 'running'::text) OR (new.state <> 'succeeded'::text))) AND ((old.state <> 'running'::text) OR (new.state <> 'failed'::text))) AND ((old.state <> 'running'::text) OR (new.state <> 'canceled'::text)))))) EXECUTE FUNCTION refuse_stage_transition();

CREATE TRIGGER jobs_immutable BEFORE UPDATE OF id, pipeline_id, version, pipeline_name, launched_by, priority, created_at, inputs, tags, retry_of, event ON public.jobs FOR EACH ROW EXECUTE FUNCTION refuse_job_change();

CREATE TRIGGER jobs_leave_group AFTER UPDATE OF state ON public.jobs FOR EACH ROW WHEN (((new.concurrency_group IS NOT NULL) AND (new.finished_at IS NOT NULL))) EXECUTE FUNCTION leave_concurrency_group();

CREATE TRIGGER jobs_transition BEFORE UPDATE OF state ON public.jobs FOR EACH ROW WHEN (((new.state <> old.state) AND ((((((((old.state <> 'queued'::text) OR (new.state <> 'running'::text)) AND ((old.state <> 'queued'::text) OR (new.state <> 'failed'::text))) AND ((old.state <> 'queued'::text) OR (new.state <> 'canceled'::text))) AND ((old.state <> 'running'::text) OR (new.state <> 'succeeded'::text))) AND ((old.state <> 'running'::text) OR (new.state <> 'failed'::text))) AND ((old.state <> 'running'::text) OR (new.state <> 'canceled'::text))) AND ((old.state <> 'running'::text) OR (new.state <> 'queued'::text))))) EXECUTE FUNCTION refuse_job_transition();

CREATE TRIGGER pipeline_versions_kept BEFORE DELETE OR TRUNCATE ON public.pipeline_versions FOR EACH STATEMENT EXECUTE FUNCTION refuse_delete();

CREATE TRIGGER runners_kept BEFORE DELETE OR TRUNCATE ON public.runners FOR EACH STATEMENT EXECUTE FUNCTION refuse_delete();
