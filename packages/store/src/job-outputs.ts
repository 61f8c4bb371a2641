// Outputs of an attempt: typed values by name.
import { once, type Queryable, repeatable } from './statement.ts';

/** An output that an attempt has given; null clears it. */
export interface ReportedOutput {
  readonly jobId: string;
  readonly attempt: number;
  readonly name: string;
  readonly value: unknown;
}

const set = once(
  'set_outputs',
  `INSERT INTO job_outputs (job_id, attempt, name, value)
   SELECT o.job_id, o.attempt, o.name, o.value::json
   FROM unnest($1::uuid[], $2::int[], $3::text[], $4::text[]) AS o(job_id, attempt, name, value)
   ON CONFLICT (job_id, attempt, name) DO UPDATE SET value = EXCLUDED.value`,
);
const clear = once(
  'clear_outputs',
  `DELETE FROM job_outputs o USING unnest($1::uuid[], $2::int[], $3::text[])
     AS c(job_id, attempt, name)
   WHERE o.job_id = c.job_id AND o.attempt = c.attempt AND o.name = c.name`,
);

/** Stores outputs by name, each at most once. */
export async function setOutputs(tx: Queryable, outputs: readonly ReportedOutput[]): Promise<void> {
  const cleared = outputs.filter(({ value }) => value === null);
  const kept = outputs.filter(({ value }) => value !== null);
  if (cleared.length > 0) await tx.query(clear, keysOf(cleared));
  if (kept.length === 0) return;
  await tx.query(set, [...keysOf(kept), kept.map(({ value }) => JSON.stringify(value))]);
}

function keysOf(outputs: readonly ReportedOutput[]): unknown[] {
  return [
    outputs.map(({ jobId }) => jobId),
    outputs.map(({ attempt }) => attempt),
    outputs.map(({ name }) => name),
  ];
}

/** How many outputs an attempt has, and what they take as JSON. */
export interface OutputTotals {
  readonly job_id: string;
  readonly count: number;
  readonly bytes: number;
}

const readTotals = repeatable(
  'read_output_totals',
  `SELECT o.job_id, count(*)::int AS count,
     sum(octet_length(o.name) + octet_length(o.value::text))::float8 AS bytes
   FROM unnest($1::uuid[], $2::int[]) AS a(job_id, attempt)
   JOIN job_outputs o ON o.job_id = a.job_id AND o.attempt = a.attempt
   GROUP BY o.job_id`,
);

/** Of attempts of different jobs; one without outputs is not among them. */
export function readOutputTotals(
  db: Queryable,
  attempts: readonly { readonly jobId: string; readonly attempt: number }[],
): Promise<OutputTotals[]> {
  const jobs = attempts.map(({ jobId }) => jobId);
  return db.query(readTotals, [jobs, attempts.map(({ attempt }) => attempt)]);
}
