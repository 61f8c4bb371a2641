// Reads logs for people and programs, page by page or whole, and where they follow on from.
import { RivetError } from '@rivet/base';
import {
  isFinalJobState,
  type LogLine,
  type LogPage,
  type LogQuery,
  logLevels,
} from '@rivet/protocol';
import { type Database, type JobRow, type Queryable, readAttempt, readLog } from '@rivet/store';
import type { LogPosition } from './log-frames.ts';

const LIMIT_DEFAULT = 1000;
/** Chunks of one statement, and statements of one page: a filter that matches little ends early. */
const CHUNKS_MAX = 50;
const READS_MAX = 20;

/** @throws RIVET_JOB_ATTEMPT_NOT_FOUND */
export async function readLogPage(
  database: Queryable,
  job: JobRow,
  query: LogQuery,
): Promise<LogPage> {
  const attempt = query.attempt ?? Math.max(1, job.attempt);
  if (query.attempt !== undefined && attempt > job.attempt) {
    const { id, attempt: latest } = job;
    throw RivetError.of('RIVET_JOB_ATTEMPT_NOT_FOUND', { id, attempt, latest });
  }
  // Before the lines: when it has ended by now, no line comes after those that are read.
  const row = await readAttempt(database, job.id, attempt);
  const ended = row === undefined ? isFinalJobState(job.state) : row.result !== null;
  const limit = query.limit ?? LIMIT_DEFAULT;
  const lines: LogLine[] = [];
  let last = query.after ?? 0;
  let atEnd = false;
  for (let reads = 0; reads < READS_MAX && lines.length < limit && !atEnd; reads += 1) {
    const position = { jobId: job.id, attempt, after: last, chunksMax: CHUNKS_MAX };
    const read = await readLog(database, position);
    atEnd = read.length === 0;
    for (const line of read) {
      if (lines.length >= limit) break;
      last = line.n;
      if (matches(line, query)) lines.push(line);
    }
  }
  return { attempt, lines, last, complete: ended && last >= (row?.log_lines ?? 0) };
}

function matches(line: LogLine, { stage, level }: LogQuery): boolean {
  if (stage !== undefined && line.stage !== stage) return false;
  return level === undefined || logLevels.indexOf(line.level) >= logLevels.indexOf(level);
}

/** The lines of the current attempt that are stored now, a batch at a time. */
export async function* readWholeLog(database: Queryable, job: JobRow): AsyncGenerator<LogLine[]> {
  let after = 0;
  for (;;) {
    const position = { jobId: job.id, attempt: job.attempt, after, chunksMax: CHUNKS_MAX };
    const lines = await readLog(database, position);
    if (lines.length === 0) return;
    yield lines;
    after = lines.at(-1)?.n ?? after;
  }
}

/**
 * The position in a `Last-Event-ID`; the beginning of the current attempt without one.
 * @throws RIVET_CURSOR_INVALID when it is not one of this job's
 */
export async function startPosition(
  database: Database,
  job: JobRow,
  lastEventId: string | undefined,
): Promise<LogPosition> {
  if (lastEventId === undefined) return { attempt: Math.max(1, job.attempt), after: 0 };
  const match = /^([1-9]\d{0,8}):(\d{1,9})$/.exec(lastEventId);
  const attempt = Number(match?.[1]);
  const after = Number(match?.[2]);
  const row = match === null ? undefined : await readAttempt(database, job.id, attempt);
  if (row === undefined || after > row.log_lines) {
    throw RivetError.of('RIVET_CURSOR_INVALID', { found: JSON.stringify(lastEventId) });
  }
  return { attempt, after };
}
