// What has come to the logs of many jobs since their followers looked last: one statement.
import type { JobState, LogLine } from '@rivet/protocol';
import { decodeLogChunk } from './log-chunk.ts';
import { type Queryable, repeatable } from './statement.ts';

/** Where a follower of a log is: after line `after` of `attempt`. */
export interface LogPlace {
  readonly jobId: string;
  readonly attempt: number;
  readonly after: number;
}

export interface LogTail {
  /** Of the job, when the lines were read: there are no others of an attempt before `attempt`. */
  readonly state: JobState;
  readonly attempt: number;
  /** After the place, in order; not all that there are. */
  readonly lines: readonly LogLine[];
}

/** Chunks for one job: followers who wait are told of the first lines soon. */
const CHUNKS_MAX = 4;
/** Lines for one job: short ones take hardly any bytes, and each is an object here. */
const LINES_MAX = 5000;

const read = repeatable(
  'read_log_tails',
  `SELECT p.n::int, j.state, j.attempt, c.first_line, c.bytes
   FROM unnest($1::uuid[], $2::int[], $3::int[])
     WITH ORDINALITY AS p(job_id, attempt, after, n)
   JOIN jobs j ON j.id = p.job_id AND j.id BETWEEN $4 AND $5
   LEFT JOIN LATERAL (
     SELECT l.first_line, l.bytes FROM job_logs l
     WHERE l.job_id = p.job_id AND l.attempt = p.attempt
       -- The chunk that holds the next line, and those after it.
       AND l.first_line >= COALESCE((
         SELECT max(first_line) FROM job_logs f
         WHERE f.job_id = p.job_id AND f.attempt = p.attempt
           AND f.first_line <= p.after::bigint + 1), 1)
     ORDER BY l.first_line LIMIT $6
   ) c ON true
   ORDER BY p.n, c.first_line`,
);

/** For each place what lies behind it; undefined where the job is gone. */
export async function readLogTails(
  db: Queryable,
  places: readonly LogPlace[],
): Promise<(LogTail | undefined)[]> {
  const ids = places.map(({ jobId }) => jobId);
  const sorted = ids.toSorted();
  const rows = await db.query<{
    n: number;
    state: JobState;
    attempt: number;
    first_line: number | null;
    bytes: Uint8Array | null;
  }>(read, [
    ids,
    places.map(({ attempt }) => attempt),
    places.map(({ after }) => after),
    sorted[0],
    sorted.at(-1),
    CHUNKS_MAX,
  ]);
  const byPlace = Map.groupBy(rows, ({ n }) => n);
  const tails = places.map(async ({ after }, index): Promise<LogTail | undefined> => {
    const own = byPlace.get(index + 1);
    const [first] = own ?? [];
    if (own === undefined || first === undefined) return undefined;
    const lines: LogLine[] = [];
    for (const { first_line, bytes } of own) {
      if (first_line === null || bytes === null || lines.length >= LINES_MAX) break;
      const room = LINES_MAX - lines.length;
      for (const line of await decodeLogChunk(first_line, bytes, after, room)) lines.push(line);
    }
    return { state: first.state, attempt: first.attempt, lines };
  });
  return Promise.all(tails);
}
