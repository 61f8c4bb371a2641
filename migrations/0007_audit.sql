-- Who did what to what, from where: append-only, keyed, chained.

CREATE TABLE audit_log (
  id uuid PRIMARY KEY,
  -- By the clock of the database.
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  actor_kind text NOT NULL
    CHECK (actor_kind IN ('person', 'runner', 'registration', 'anonymous', 'system')),
  actor_id text NOT NULL,
  actor_name text NOT NULL,
  -- How they proved it: a session, an API key, a token of a runner; and which one.
  via_kind text NOT NULL,
  via_id text NOT NULL,
  action text NOT NULL,
  object_kind text NOT NULL,
  object_id text NOT NULL,
  object_name text NOT NULL,
  address text NOT NULL,
  request_id text NOT NULL,
  -- json, not jsonb: the text as it was authenticated.
  details json NOT NULL,
  -- HMAC over everything above but `at`; made where the row is, with a key the database has not.
  mac bytea NOT NULL CHECK (octet_length(mac) = 32),
  -- Given once, after the commit: the place in the chain, and the HMAC over it, `at`, `mac` and the
  -- link before.
  position bigint UNIQUE CHECK (position >= 1),
  link bytea CHECK (octet_length(link) = 32),
  CHECK ((position IS NULL) = (link IS NULL))
);
CREATE INDEX audit_log_time ON audit_log (at, id);
CREATE INDEX audit_log_unchained ON audit_log (at, id) WHERE position IS NULL;

-- The end of the chain, so that a missing tail is found.
CREATE TABLE audit_head (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  position bigint NOT NULL CHECK (position >= 0),
  link bytea NOT NULL,
  mac bytea NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now()
);

-- Keeps slips out. Whoever may drop it is found by the keys of the rows.
CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
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
END $$;
CREATE TRIGGER audit_log_rows BEFORE UPDATE OR DELETE ON audit_log
  FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER audit_log_table BEFORE TRUNCATE ON audit_log
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
