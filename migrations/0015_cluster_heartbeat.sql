-- When the leases were last looked after: after a longer while nobody could have renewed one.
CREATE TABLE cluster_heartbeat (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 10);
INSERT INTO cluster_heartbeat DEFAULT VALUES;
