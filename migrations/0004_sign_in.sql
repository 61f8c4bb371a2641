-- Signing in: the keys that sign tokens, temporary passwords, refresh tokens, and sign-in elsewhere.

CREATE TABLE signing_keys (
  -- `kid` of the tokens: the thumbprint of the public key (RFC 7638).
  id text PRIMARY KEY,
  purpose text NOT NULL CHECK (purpose IN ('access', 'identity')),
  -- The public half as a JWK.
  public_key json NOT NULL,
  -- The private half, sealed.
  master_key_id text NOT NULL,
  wrapped_key bytea NOT NULL,
  box bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  -- Published before it signs, so that nobody meets a key that they cannot look up yet.
  signs_from timestamptz NOT NULL,
  -- Until the last token of it has ended; none while it has no successor.
  verifies_until timestamptz
);

ALTER TABLE users
  -- One that an administrator made: it only lets its user set another one.
  ADD COLUMN password_temporary boolean NOT NULL DEFAULT false,
  ADD COLUMN password_expires_at timestamptz,
  ADD COLUMN password_changed_at timestamptz,
  -- Until then somebody who signs in elsewhere with this name becomes this user: an administrator
  -- said so.
  ADD COLUMN link_until timestamptz;

ALTER TABLE sessions
  -- SHA-256 of the part that all refresh tokens of a session share: it tells a copy of an old one
  -- from a text that somebody made up.
  ADD COLUMN lineage_hash bytea UNIQUE,
  -- From the token before and this comes the present one: a repeat is answered alike, and the
  -- database alone gives no token.
  ADD COLUMN rotation_salt bytea,
  ADD COLUMN end_reason text;

-- One-time tokens with which the first administrator is made.
CREATE TABLE setup_tokens (
  -- SHA-256 of the token.
  hash bytea PRIMARY KEY,
  expires_at timestamptz NOT NULL
);

-- Who somebody is at a provider of identities; an address of mail never says so.
CREATE TABLE user_identities (
  issuer text NOT NULL,
  subject text NOT NULL,
  user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  created_at timestamptz NOT NULL DEFAULT now(),
  last_login_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (issuer, subject)
);
CREATE INDEX user_identities_user ON user_identities (user_id);

-- Sign-ins elsewhere that have begun and did not come back yet.
CREATE TABLE oidc_sign_ins (
  -- SHA-256 of the secret in the cookie of the browser that began; state, nonce and the PKCE
  -- verifier are derived from that secret and stored nowhere.
  hash bytea PRIMARY KEY,
  -- Of a command line: where it waits, what it said to know its answer by, what it can prove.
  cli_redirect text,
  cli_state text,
  cli_challenge text,
  expires_at timestamptz NOT NULL
);

-- Sign-ins that are done and that a command line may fetch, once.
CREATE TABLE oidc_codes (
  -- SHA-256 of the code.
  hash bytea PRIMARY KEY,
  user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  challenge text NOT NULL,
  expires_at timestamptz NOT NULL
);
