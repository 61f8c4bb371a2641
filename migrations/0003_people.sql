-- People: users, their teams, sessions and API keys, and the grants that say what they may.

CREATE TABLE installation (
  -- There is one row.
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  -- Names this installation in the tokens that it signs.
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  created_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO installation DEFAULT VALUES;

CREATE TABLE users (
  id uuid PRIMARY KEY,
  -- What one signs in with: lower case, so that nobody can look like somebody else.
  name text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9][a-z0-9._@+-]{0,99}$'),
  role text NOT NULL CHECK (role IN ('admin', 'user', 'viewer')),
  -- argon2id in PHC format; none for those who sign in elsewhere, and for programs.
  password_hash text,
  -- Counted up to end every session at once.
  token_version integer NOT NULL DEFAULT 1,
  disabled_at timestamptz,
  last_login_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE teams (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  name text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9][a-z0-9._-]{0,99}$'),
  -- Everybody belongs to it without being listed.
  everybody boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO teams (name, everybody) VALUES ('everyone', true);

CREATE TABLE team_members (
  team_id uuid NOT NULL REFERENCES teams ON DELETE CASCADE,
  user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  PRIMARY KEY (team_id, user_id)
);
CREATE INDEX team_members_user ON team_members (user_id);

CREATE TABLE grants (
  id uuid PRIMARY KEY,
  user_id uuid REFERENCES users ON DELETE CASCADE,
  team_id uuid REFERENCES teams ON DELETE CASCADE,
  object_kind text NOT NULL CHECK (object_kind IN ('pipeline', 'secret')),
  -- Of names; `*` stands for any text.
  pattern text NOT NULL,
  permissions text[] NOT NULL CHECK (cardinality(permissions) > 0),
  created_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  CHECK (num_nonnulls(user_id, team_id) = 1)
);
CREATE INDEX grants_user ON grants (user_id);
CREATE INDEX grants_team ON grants (team_id);

CREATE TABLE sessions (
  id uuid PRIMARY KEY,
  user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  kind text NOT NULL CHECK (kind IN ('cli', 'browser')),
  -- SHA-256 of the refresh token of a CLI, or of the cookie of a browser.
  token_hash bytea NOT NULL UNIQUE,
  -- Of the refresh token before: whoever shows it again has a copy, and the session ends.
  previous_hash bytea UNIQUE,
  -- The user's `token_version` when it began.
  token_version integer NOT NULL,
  address text NOT NULL,
  user_agent text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  used_at timestamptz NOT NULL DEFAULT now(),
  rotated_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  ended_at timestamptz
);
CREATE INDEX sessions_user ON sessions (user_id);

CREATE TABLE api_keys (
  id uuid PRIMARY KEY,
  user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  name text NOT NULL,
  -- SHA-256 of the key, which nobody can be shown again.
  hash bytea NOT NULL UNIQUE,
  -- Its first characters, by which its owner knows it.
  prefix text NOT NULL,
  -- What it may of what its owner may; NULL: all of it.
  permissions text[],
  -- The pipelines it is for, as patterns; NULL: all of its owner's.
  pipelines text[],
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz,
  last_used_at timestamptz,
  revoked_at timestamptz
);
CREATE INDEX api_keys_user ON api_keys (user_id);
