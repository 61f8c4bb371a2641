-- Groups that give their places to pipelines by weight, and not by the order of launches alone.

ALTER TABLE concurrency_groups
  ADD COLUMN fair boolean NOT NULL DEFAULT false,
  -- Where the job began that was admitted last, in jobs of weight 1.
  ADD COLUMN virtual_time float8 NOT NULL DEFAULT 0;
ALTER TABLE concurrency_members
  ADD COLUMN pipeline_id uuid,
  ADD COLUMN weight integer NOT NULL DEFAULT 1 CHECK (weight >= 1);
UPDATE concurrency_members m SET pipeline_id = j.pipeline_id FROM jobs j WHERE j.id = m.job_id;
ALTER TABLE concurrency_members ALTER COLUMN pipeline_id SET NOT NULL;
CREATE INDEX concurrency_members_waiting ON concurrency_members (group_name, pipeline_id, job_id)
  WHERE NOT admitted;

-- When the next job of a pipeline begins, in the virtual time of its group. Of each pipeline that
-- was ever in the group, also while that is not fair.
CREATE TABLE concurrency_shares (
  group_name text NOT NULL REFERENCES concurrency_groups (name) ON DELETE CASCADE,
  pipeline_id uuid NOT NULL,
  virtual_time float8 NOT NULL DEFAULT 0,
  PRIMARY KEY (group_name, pipeline_id)
);
INSERT INTO concurrency_shares (group_name, pipeline_id)
SELECT DISTINCT group_name, pipeline_id FROM concurrency_members;

-- Admits the job that a fair group owes its next place, and gives its id: the oldest of the pipeline
-- that has had least for its weight. One that had nothing to run has saved nothing up.
CREATE FUNCTION admit_fairly(wanted text) RETURNS uuid LANGUAGE plpgsql AS $$
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
END $$;

-- As before, and one by one where the group is fair.
CREATE OR REPLACE FUNCTION admit_members(wanted text) RETURNS integer LANGUAGE plpgsql AS $$
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
END $$;
