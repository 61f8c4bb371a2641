-- Groups of which only some jobs run at a time, how long a job may wait, and tags by pattern.

ALTER TABLE job_queue
  -- Tags that its runner must have, as patterns of LIKE; each fits one of them.
  ADD COLUMN patterns text[],
  -- No runner gets it afterwards, and it ends.
  ADD COLUMN expires_at timestamptz;
CREATE INDEX job_queue_expiry ON job_queue (expires_at) WHERE expires_at IS NOT NULL;

ALTER TABLE jobs ADD COLUMN concurrency_group text;

-- What the last launch said of the group.
CREATE TABLE concurrency_groups (
  name text PRIMARY KEY,
  members_max integer NOT NULL CHECK (members_max >= 1),
  supersedes text NOT NULL CHECK (supersedes IN ('none', 'waiting', 'all')),
  launched_at timestamptz NOT NULL DEFAULT now()
);

-- Unfinished jobs of groups. One that is not admitted lies in the queue with an endless
-- `run_after`, so that a claim knows nothing of groups.
CREATE TABLE concurrency_members (
  job_id uuid PRIMARY KEY,
  group_name text NOT NULL REFERENCES concurrency_groups (name),
  admitted boolean NOT NULL DEFAULT false
);
CREATE INDEX concurrency_members_group ON concurrency_members (group_name, job_id);

-- Admits the oldest that wait, as far as there is room; says how many. Waits for nobody: who holds
-- a lock admits by itself, or a duty does a moment later.
CREATE FUNCTION admit_members(wanted text) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  room integer;
  admitted_now integer;
BEGIN
  SELECT members_max INTO room FROM concurrency_groups WHERE name = wanted FOR UPDATE SKIP LOCKED;
  IF NOT FOUND THEN
    RETURN 0;
  END IF;
  -- A statement of its own: it sees what was committed before the lock was given.
  room := room - (SELECT count(*) FROM concurrency_members
    WHERE group_name = wanted AND admitted);
  IF room <= 0 THEN
    RETURN 0;
  END IF;
  WITH chosen AS (
    SELECT m.job_id FROM concurrency_members m JOIN job_queue q ON q.job_id = m.job_id
    WHERE m.group_name = wanted AND NOT m.admitted
    ORDER BY m.job_id LIMIT room FOR UPDATE OF m, q SKIP LOCKED
  ), members AS (
    UPDATE concurrency_members m SET admitted = true FROM chosen c WHERE m.job_id = c.job_id
  )
  UPDATE job_queue q SET run_after = now() FROM chosen c WHERE q.job_id = c.job_id;
  GET DIAGNOSTICS admitted_now = ROW_COUNT;
  IF admitted_now > 0 THEN
    PERFORM pg_notify('rivet_queue', '');
  END IF;
  RETURN admitted_now;
END $$;

CREATE FUNCTION leave_concurrency_group() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM concurrency_members WHERE job_id = NEW.id;
  PERFORM admit_members(NEW.concurrency_group);
  RETURN NULL;
END $$;
-- Whoever ends a job, of whatever version: its place is free in the same moment.
CREATE TRIGGER jobs_leave_group AFTER UPDATE OF state ON jobs FOR EACH ROW
  WHEN (NEW.concurrency_group IS NOT NULL AND NEW.finished_at IS NOT NULL)
  EXECUTE FUNCTION leave_concurrency_group();

-- Whether each pattern fits one of the tags.
CREATE FUNCTION fit_tags(patterns text[], tags text[]) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT NOT EXISTS (
    SELECT FROM unnest(patterns) AS p(pattern)
    WHERE NOT EXISTS (SELECT FROM unnest(tags) AS t(tag) WHERE t.tag LIKE p.pattern))
$$;
