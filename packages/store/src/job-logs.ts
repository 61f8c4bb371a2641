// Log lines, appended as chunks.
import { freeBytes } from '@rivet/base';
import type { LogLine } from '@rivet/protocol';
import { decodeLogChunk } from './log-chunk.ts';
import { once, type Queryable, repeatable } from './statement.ts';

// The bytes come in one piece: an array of them would be written and read as text.
const insert = once(
  'append_logs',
  `INSERT INTO job_logs (job_id, attempt, first_line, line_count, bytes)
   SELECT job_id, attempt, first_line, line_count, substring($7::bytea FROM at FOR length)
   FROM unnest($1::uuid[], $2::int[], $3::int[], $4::int[], $5::int[], $6::int[])
     AS chunk(job_id, attempt, first_line, line_count, at, length)`,
);

/** Lines of one attempt whose numbers follow each other, as they are stored. */
export interface LogChunk {
  readonly firstLine: number;
  readonly lineCount: number;
  /** Of `encodeLogBlock`, or of `encodeLogChunk`. */
  readonly bytes: Uint8Array;
}

/**
 * Appends to the logs of any number of attempts; the caller holds the numbers against the last
 * stored ones.
 */
export async function appendLogs(
  tx: Queryable,
  chunks: readonly (LogChunk & { readonly jobId: string; readonly attempt: number })[],
): Promise<void> {
  if (chunks.length === 0) return;
  let end = 1;
  const places = chunks.map(({ bytes }) => {
    end += bytes.length;
    return end - bytes.length;
  });
  const bytes = Buffer.concat(chunks.map((chunk) => chunk.bytes));
  await tx.query(insert, [
    chunks.map(({ jobId }) => jobId),
    chunks.map(({ attempt }) => attempt),
    chunks.map(({ firstLine }) => firstLine),
    chunks.map(({ lineCount }) => lineCount),
    places,
    chunks.map(({ bytes }) => bytes.length),
    bytes,
  ]);
  freeBytes(bytes);
}

const readChunks = repeatable(
  'read_log_chunks',
  `SELECT first_line, bytes FROM (
     SELECT first_line, bytes,
       sum(octet_length(bytes)) OVER (ORDER BY first_line) - octet_length(bytes) AS bytes_before,
       sum(line_count) OVER (ORDER BY first_line) - line_count AS lines_before
     FROM job_logs
     WHERE job_id = $1 AND attempt = $2
       -- The chunk that holds the next line, and those after it.
       AND first_line >= COALESCE((
         SELECT max(first_line) FROM job_logs
         WHERE job_id = $1 AND attempt = $2 AND first_line <= $3::bigint + 1), 1)
     ORDER BY first_line LIMIT $4
   ) chunks WHERE bytes_before < $5 AND lines_before < $6 ORDER BY first_line`,
);

/** Compressed bytes of one read: many readers of large logs must not fill the memory. */
const READ_BYTES_MAX = 256 * 1024;
/** Lines of one read: empty ones take hardly any bytes, and are objects too. */
const READ_LINES_MAX = 20_000;

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
    READ_LINES_MAX,
  ]);
  const chunks = rows.map((row) => decodeLogChunk(row.first_line, row.bytes, after));
  return (await Promise.all(chunks)).flat();
}
