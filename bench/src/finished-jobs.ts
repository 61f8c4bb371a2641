// History for benchmarks: millions of jobs that ended, written by the database itself.
import {
  addPartition,
  type Database,
  historyTables,
  listPartitions,
  type Partition,
} from '@rivet/store';
import { type QueueLoad, runSql } from './queue-load.ts';

const WEEK_MS = 7 * 86_400_000;
/** Rows of one statement. */
const CHUNK = 250_000;

/**
 * Gives a new database partitions for so many weeks before this one, and for this one and the next,
 * as an installation of that age has them; returns those of the past, oldest first.
 */
export async function makeWeeks(database: Database, weeks: number): Promise<Partition[]> {
  const [first] = await listPartitions(database);
  const endMs = first?.toMs ?? 0;
  for (const table of historyTables) await runSql(database, `DROP TABLE ${table}_initial`);
  for (let week = -weeks - 1; week <= 0; week += 1) {
    const fromMs = endMs + week * WEEK_MS;
    const name = new Date(fromMs).toISOString().slice(0, 10).replaceAll('-', '');
    await addPartition(database, { name, fromMs, toMs: fromMs + WEEK_MS });
  }
  return (await listPartitions(database)).slice(0, weeks);
}

/** Fills a partition with jobs that ended, evenly over its time. */
export async function fillPartition(
  database: Database,
  load: QueueLoad,
  partition: Partition,
  options: { readonly jobs: number; readonly logs: boolean },
): Promise<void> {
  const { fromMs = 0, toMs } = partition;
  for (let from = 0; from < options.jobs; from += CHUNK) {
    const to = Math.min(from + CHUNK, options.jobs);
    const id = `(lpad(to_hex(${fromMs} + (n * ${toMs - fromMs}::bigint / ${options.jobs})), 12, '0')
      || '7' || lpad(to_hex(n % 4096), 3, '0') || '8' || lpad(to_hex(n::bigint * 2654435761 % 1152921504606846976), 15, '0'))::uuid`;
    const each = `FROM generate_series(${from}, ${to - 1}) n`;
    await runSql(
      database,
      `INSERT INTO jobs (id, pipeline_id, version, pipeline_name, inputs, launched_by, tags, event,
         priority, state, attempt, runner_id, started_at, finished_at)
       SELECT ${id}, '${load.pipelineId}', 1, 'bench', '{}', 'bench', '[]', 'api', 0, 'succeeded', 1,
         '${load.runnerId}', now(), now() ${each}`,
    );
    await runSql(
      database,
      `INSERT INTO job_attempts (job_id, attempt, runner_id, lease_id, last_seq, log_lines,
         log_bytes, started_at, ended_at, result)
       SELECT ${id}, 1, '${load.runnerId}', '${load.runnerId}', 1, 1, 1, now(), now(), 'succeeded'
       ${each}`,
    );
    if (!options.logs) continue;
    await runSql(
      database,
      `INSERT INTO job_logs (job_id, attempt, first_line, line_count, bytes)
       SELECT ${id}, 1, 1, 1, decode(repeat(md5(n::text), 32), 'hex') ${each}`,
    );
  }
}
