// Log lines, appended as chunks.
import type { LogLine } from '@rivet/protocol';
import { decodeLogChunk, encodeLogChunk } from './log-chunk.ts';
import { once, type Queryable, repeatable } from './statement.ts';

const insert = once(
  'append_log',
  `INSERT INTO job_logs (job_id, attempt, first_line, line_count, bytes)
   VALUES ($1, $2, $3, $4, $5)`,
);

/**
 * Appends lines whose numbers follow each other; the caller holds them against the last stored one.
 */
export async function appendLog(
  tx: Queryable,
  jobId: string,
  attempt: number,
  lines: readonly LogLine[],
): Promise<void> {
  const [first] = lines;
  if (first === undefined) return;
  const bytes = await encodeLogChunk(lines);
  await tx.query(insert, [jobId, attempt, first.n, lines.length, bytes]);
}

const readChunks = repeatable(
  'read_log_chunks',
  `SELECT first_line, bytes FROM (
     SELECT first_line, bytes,
       sum(octet_length(bytes)) OVER (ORDER BY first_line) - octet_length(bytes) AS bytes_before
     FROM job_logs
     WHERE job_id = $1 AND attempt = $2
       -- The chunk that holds the next line, and those after it.
       AND first_line >= COALESCE((
         SELECT max(first_line) FROM job_logs
         WHERE job_id = $1 AND attempt = $2 AND first_line <= $3::bigint + 1), 1)
     ORDER BY first_line LIMIT $4
   ) chunks WHERE bytes_before < $5 ORDER BY first_line`,
);

/** Compressed bytes of one read: many readers of large logs must not fill the memory. */
const READ_BYTES_MAX = 256 * 1024;

/**
 * Lines after number `after`, from at most `chunksMax` chunks and not many bytes, in order; empty
 * at the end.
 */
export async function readLog(
  db: Queryable,
  position: { jobId: string; attempt: number; after: number; chunksMax: number },
): Promise<LogLine[]> {
  const { jobId, attempt, after, chunksMax } = position;
  const rows = await db.query<{ first_line: number; bytes: Uint8Array }>(readChunks, [
    jobId,
    attempt,
    after,
    chunksMax,
    READ_BYTES_MAX,
  ]);
  const chunks = await Promise.all(rows.map((row) => decodeLogChunk(row.first_line, row.bytes)));
  return chunks.flat().filter((line) => line.n > after);
}
