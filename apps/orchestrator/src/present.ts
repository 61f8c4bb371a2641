// Rows of the database as what the API says.
import type {
  Job,
  JobStage,
  Pipeline,
  PipelineDefinition,
  Runner,
  RunnerPause,
  RunnerState,
} from '@rivet/protocol';
import { isFinalJobState } from '@rivet/protocol';
import type { JobRow, PipelineRow, RunnerRow, StageRow } from '@rivet/store';

/** A runner polls or reports more often than this while it lives. */
export const OFFLINE_SECONDS = 60;

export function presentPipeline(row: PipelineRow): Pipeline {
  return {
    id: row.id,
    name: row.name,
    description: row.description,
    version: row.version,
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
  };
}

export function presentJob(row: JobRow): Job {
  return {
    id: row.id,
    pipeline: row.pipeline_name,
    version: row.version,
    state: row.state,
    reason: row.reason,
    message: row.message,
    attempt: row.attempt,
    runner: row.runner_name,
    launched_by: row.launched_by,
    event: row.event,
    priority: row.priority,
    cancel_requested: row.cancel_requested,
    created_at: row.created_at.toISOString(),
    started_at: row.started_at?.toISOString() ?? null,
    finished_at: row.finished_at?.toISOString() ?? null,
  };
}

/**
 * The stages of the definition in its order, each as it was reported. One that was never reported
 * is pending, or was skipped when the job has ended.
 */
export function presentStages(
  definition: PipelineDefinition,
  rows: readonly StageRow[],
  job: JobRow,
): JobStage[] {
  const ended = isFinalJobState(job.state);
  const known = new Map(rows.map((row) => [row.name, row]));
  const names = new Set([...definition.stages.map(({ name }) => name), ...known.keys()]);
  return [...names].map((name, index) => {
    const row = known.get(name);
    return {
      name,
      position: index + 1,
      state: row?.state ?? (ended ? 'skipped' : 'pending'),
      reason: row?.reason ?? (row === undefined && ended ? 'the job ended before it' : null),
      code: row?.code ?? null,
      run: row?.run ?? 1,
      unchecked_exits: row?.unchecked_exits ?? 0,
      started_at: row?.started_at?.toISOString() ?? null,
      finished_at: row?.finished_at?.toISOString() ?? null,
    };
  });
}

export function presentRunner(row: RunnerRow): Runner {
  return {
    id: row.id,
    name: row.name,
    state: runnerState(row),
    tags: row.tags,
    pipelines: row.pipelines,
    capacity: row.capacity,
    running: row.running,
    pause: runnerPause(row),
    problem: row.problem,
    version: row.version,
    token_since: row.token_since.toISOString(),
    created_at: row.created_at.toISOString(),
    last_seen_at: row.last_seen_at.toISOString(),
  };
}

function runnerState(row: RunnerRow): RunnerState {
  if (row.silent_seconds > OFFLINE_SECONDS) return 'offline';
  if (row.draining || row.drain_asked) return 'draining';
  if (row.paused) return 'paused';
  return row.problem === null ? 'online' : 'unfit';
}

function runnerPause(row: RunnerRow): RunnerPause | null {
  if (!row.paused) return null;
  return {
    until: row.paused_until?.toISOString() ?? null,
    note: row.pause_note,
    by: row.paused_by ?? '',
    drain: row.drain_asked,
  };
}
