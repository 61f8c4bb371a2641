// The secret inputs of jobs: sealed at the launch, opened for the runner that has claimed the job.
import { REDACTED, RivetError } from '@rivet/base';
import type { InputValues, PipelineDefinition } from '@rivet/protocol';
import {
  type ClaimedRow,
  type Database,
  lockJob,
  type Queryable,
  readJobSecretInputs,
  type SealedColumns,
} from '@rivet/store';
import type { Sealer } from '../sealing/sealer.ts';
import { columnsOf, sealedOf } from '../sealing/sealing.ts';
import { finish } from './transitions.ts';

/** The inputs of a job as they are stored: what is secret has `***` in its place, and is sealed. */
export interface StoredInputs {
  readonly inputs: InputValues;
  readonly secretInputs: SealedColumns | undefined;
}

/** Takes the secret ones out of the inputs of a job that is to be launched. */
export function sealInputs(
  sealer: Sealer,
  definition: PipelineDefinition,
  jobId: string,
  inputs: InputValues,
): StoredInputs {
  const names = secretNames(definition);
  const secret = Object.entries(inputs).filter(([name, value]) => names.has(name) && value !== '');
  if (secret.length === 0) return { inputs, secretInputs: undefined };
  const hidden = new Set(secret.map(([name]) => name));
  const shown = Object.entries(inputs).map(([name, value]) => [
    name,
    hidden.has(name) ? REDACTED : value,
  ]);
  const plain = Buffer.from(JSON.stringify(secret));
  const sealed = sealer.seal(plain, contextOf(jobId));
  return { inputs: Object.fromEntries(shown), secretInputs: columnsOf(sealed) };
}

/**
 * The inputs as they were given.
 * @throws RIVET_SECRET_SEAL_BROKEN, RIVET_MASTER_KEY_UNKNOWN
 */
export async function openInputs(
  db: Queryable,
  sealer: Sealer,
  jobId: string,
  stored: InputValues,
): Promise<InputValues> {
  const sealed = await readJobSecretInputs(db, jobId);
  if (sealed === undefined) return stored;
  const plain = sealer.open(sealedOf(sealed), contextOf(jobId));
  const secret = JSON.parse(plain.toString('utf8')) as [string, InputValues[string]][];
  plain.fill(0);
  return { ...stored, ...Object.fromEntries(secret) };
}

/**
 * A claimed job with its secret inputs. One whose inputs cannot be opened ends here, as it would
 * with every runner: undefined.
 */
export async function withSecretInputs(
  services: { readonly database: Database; readonly sealer: Sealer },
  row: ClaimedRow,
  definition: PipelineDefinition,
): Promise<ClaimedRow | undefined> {
  const { database, sealer } = services;
  if (!definition.inputs.some(({ secret }) => secret)) return row;
  try {
    return { ...row, inputs: await openInputs(database, sealer, row.job_id, row.inputs) };
  } catch (error) {
    if (!(error instanceof RivetError) || error.code === 'RIVET_DATABASE_UNREACHABLE') throw error;
    await fail(database, row, error);
    return undefined;
  }
}

async function fail(database: Database, row: ClaimedRow, error: RivetError): Promise<void> {
  const { message, code } = error;
  await database.transaction(
    async (tx) => {
      const job = await lockJob(tx, row.job_id);
      if (job?.state !== 'running' || job.attempt !== row.attempt) return;
      await finish(tx, job, { state: 'failed', reason: 'infrastructure', message, code });
    },
    { repeatable: true },
  );
}

function secretNames(definition: PipelineDefinition): Set<string> {
  return new Set(definition.inputs.filter(({ secret }) => secret).map(({ name }) => name));
}

function contextOf(jobId: string): string[] {
  return ['job inputs', jobId];
}
