-- How often somebody tried in vain lately. Unlogged: it is written with every attempt, and losing it
-- with a crash of the database costs nothing but a few attempts more.

CREATE UNLOGGED TABLE attempt_limits (
  -- SHA-256 of what is limited: an address, or a name with an address.
  key bytea PRIMARY KEY,
  -- Each attempt moves it on by its share; the limit is how far it may be ahead of now.
  free_at timestamptz NOT NULL
);
CREATE INDEX attempt_limits_free_at ON attempt_limits (free_at);
