// Outputs of an attempt: typed values by name.
import { once, type Queryable, repeatable } from './statement.ts';

const set = once(
  'set_outputs',
  `INSERT INTO job_outputs (job_id, attempt, name, value)
   SELECT $1, $2, o.name, o.value::json FROM unnest($3::text[], $4::text[]) AS o(name, value)
   ON CONFLICT (job_id, attempt, name) DO UPDATE SET value = EXCLUDED.value`,
);
const clear = once(
  'clear_outputs',
  `DELETE FROM job_outputs WHERE job_id = $1 AND attempt = $2 AND name = ANY ($3::text[])`,
);

/** Stores outputs by name; null clears one. */
export async function setOutputs(
  tx: Queryable,
  jobId: string,
  attempt: number,
  outputs: ReadonlyMap<string, unknown>,
): Promise<void> {
  const entries = [...outputs];
  const cleared = entries.filter(([, value]) => value === null).map(([name]) => name);
  const kept = entries.filter(([, value]) => value !== null);
  if (cleared.length > 0) await tx.query(clear, [jobId, attempt, cleared]);
  if (kept.length === 0) return;
  const values = kept.map(([, value]) => JSON.stringify(value));
  await tx.query(set, [jobId, attempt, kept.map(([name]) => name), values]);
}

const read = repeatable(
  'read_outputs',
  `SELECT name, value FROM job_outputs WHERE job_id = $1 AND attempt = $2 ORDER BY name`,
);

/** All outputs of an attempt, by name. */
export async function readOutputs(
  db: Queryable,
  jobId: string,
  attempt: number,
): Promise<Record<string, unknown>> {
  const rows = await db.query<{ name: string; value: unknown }>(read, [jobId, attempt]);
  return Object.fromEntries(rows.map(({ name, value }) => [name, value]));
}

const readTotals = repeatable(
  'read_output_totals',
  `SELECT count(*)::int AS count,
     COALESCE(sum(octet_length(name) + octet_length(value::text)), 0)::float8 AS bytes
   FROM job_outputs WHERE job_id = $1 AND attempt = $2`,
);

/** How many outputs an attempt has, and what they take as JSON. */
export async function readOutputTotals(
  db: Queryable,
  jobId: string,
  attempt: number,
): Promise<{ count: number; bytes: number }> {
  const [row] = await db.query<{ count: number; bytes: number }>(readTotals, [jobId, attempt]);
  return row ?? { count: 0, bytes: 0 };
}
