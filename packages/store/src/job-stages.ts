// Stages of an attempt, as its reports tell of them.
import type { StageChange, StageState } from '@rivet/protocol';
import { once, type Queryable, repeatable } from './statement.ts';

export interface StageRow {
  readonly name: string;
  readonly state: StageState;
  readonly reason: string | null;
  readonly code: string | null;
  readonly run: number;
  readonly unchecked_exits: number;
  readonly started_at: Date | null;
  readonly finished_at: Date | null;
}

/** A change of a stage of an attempt. */
export interface ReportedStage {
  readonly jobId: string;
  readonly attempt: number;
  readonly change: StageChange;
}

const apply = once(
  'apply_stage_changes',
  `INSERT INTO job_stages AS s (job_id, attempt, name, state, reason, code, run, unchecked_exits,
     started_at, finished_at)
   SELECT c.job_id, c.attempt, c.name, c.state, c.reason, c.code, c.run, c.unchecked_exits,
     -- Nothing has happened in the future, whatever the clock of a runner says.
     CASE WHEN c.state = 'running' THEN least(c.t, now()) END,
     CASE WHEN c.state NOT IN ('pending', 'running') THEN least(c.t, now()) END
   FROM unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::text[], $6::text[], $7::int[],
     $8::int[], $9::timestamptz[])
     AS c(job_id, attempt, name, state, reason, code, run, unchecked_exits, t)
   ON CONFLICT (job_id, attempt, name) DO UPDATE SET
     state = EXCLUDED.state, reason = EXCLUDED.reason, code = EXCLUDED.code, run = EXCLUDED.run,
     unchecked_exits = EXCLUDED.unchecked_exits,
     -- The first run says when the stage began.
     started_at = COALESCE(s.started_at, EXCLUDED.started_at),
     finished_at = EXCLUDED.finished_at`,
);

/** Stores what reports say about stages: at most one change of each. */
export async function applyStageChanges(
  tx: Queryable,
  changes: readonly ReportedStage[],
): Promise<void> {
  if (changes.length === 0) return;
  await tx.query(apply, [
    changes.map(({ jobId }) => jobId),
    changes.map(({ attempt }) => attempt),
    changes.map(({ change }) => change.stage),
    changes.map(({ change }) => change.state),
    changes.map(({ change }) => change.reason ?? null),
    changes.map(({ change }) => change.code ?? null),
    changes.map(({ change }) => change.run),
    changes.map(({ change }) => change.unchecked_exits ?? 0),
    changes.map(({ change }) => change.t),
  ]);
}

const closeOpen = once(
  'close_open_stages',
  `UPDATE job_stages SET finished_at = now(), reason = $3,
     state = CASE state WHEN 'pending' THEN 'skipped' ELSE 'canceled' END
   WHERE job_id = $1 AND attempt = $2 AND state IN ('pending', 'running')`,
);

/** Closes the stages that an ended attempt left open. */
export async function closeOpenStages(
  tx: Queryable,
  jobId: string,
  attempt: number,
  reason: string,
): Promise<void> {
  await tx.query(closeOpen, [jobId, attempt, reason]);
}

const listClosed = repeatable(
  'list_telling_stages',
  `SELECT name, state, reason FROM job_stages
   WHERE job_id = $1 AND attempt = $2 AND state IN ('failed', 'skipped')
   ORDER BY state, finished_at, name LIMIT $3`,
);

/** Stages of an attempt that failed, then those that were skipped, in the order in which they were. */
export function listFailedAndSkippedStages(
  db: Queryable,
  jobId: string,
  attempt: number,
  limit: number,
): Promise<Pick<StageRow, 'name' | 'state' | 'reason'>[]> {
  return db.query(listClosed, [jobId, attempt, limit]);
}
