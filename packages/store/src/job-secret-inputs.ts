// The values of the secret inputs of jobs, sealed.
import type { SealedColumns } from './sealed-rows.ts';
import { once, type Queryable, repeatable } from './statement.ts';

const insert = once(
  'insert_job_secret_inputs',
  `INSERT INTO job_secret_inputs (job_id, master_key_id, wrapped_key, box)
   VALUES ($1, $2, $3, $4)`,
);

export async function insertJobSecretInputs(
  tx: Queryable,
  jobId: string,
  { master_key_id, wrapped_key, box }: SealedColumns,
): Promise<void> {
  await tx.query(insert, [jobId, master_key_id, wrapped_key, box]);
}

const read = repeatable(
  'read_job_secret_inputs',
  `SELECT master_key_id, wrapped_key, box FROM job_secret_inputs WHERE job_id = $1`,
);

/** Undefined for a job without secret inputs. */
export async function readJobSecretInputs(
  db: Queryable,
  jobId: string,
): Promise<SealedColumns | undefined> {
  return (await db.query<SealedColumns>(read, [jobId]))[0];
}
