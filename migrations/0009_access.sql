-- Access: one grant of a kind, and API keys that end with the key they were made with.

-- Permissions are stored sorted, so that the same ones are equal.
CREATE UNIQUE INDEX grants_user_same ON grants (user_id, object_kind, pattern, permissions)
  WHERE user_id IS NOT NULL;
CREATE UNIQUE INDEX grants_team_same ON grants (team_id, object_kind, pattern, permissions)
  WHERE team_id IS NOT NULL;

-- The key that made it: whoever stole that one does not keep this one.
ALTER TABLE api_keys ADD COLUMN parent_id uuid REFERENCES api_keys ON DELETE CASCADE;
CREATE INDEX api_keys_parent ON api_keys (parent_id);
