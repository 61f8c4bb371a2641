// Gives a runner the secrets of a job that it holds the lease of: declared and granted ones, no
// others.
import { RivetError, type SecretText } from '@rivet/base';
import type { JobSecretsRequest, JobSecretsResponse } from '@rivet/protocol';
import {
  type Database,
  findJobSecrets,
  type JobRow,
  type JobSecretRow,
  markSecretsUsed,
  type Queryable,
} from '@rivet/store';
import type { AuditLog } from '../audit/audit-log.ts';
import type { RunnerPrincipal } from '../auth/principal.ts';
import { versionOf } from '../find.ts';
import { findHeldJob } from '../jobs/held-lease.ts';
import type { VersionCache } from '../jobs/version-cache.ts';
import type { Sealer } from '../sealing/sealer.ts';
import type { SecretSources } from './providers/secret-source.ts';
import { openSecret } from './secret-box.ts';

export interface JobSecretServices {
  readonly database: Database;
  readonly versions: VersionCache;
  readonly audit: AuditLog;
  readonly sealer: Sealer;
  readonly secretSources: SecretSources;
}

/**
 * The values by name, and why the others are not there.
 * @throws RIVET_JOB_NOT_FOUND for the job of another runner, RIVET_LEASE_LOST,
 *   RIVET_SECRET_SEAL_BROKEN, RIVET_SECRET_PROVIDER_FAILED
 */
export async function giveJobSecrets(
  services: JobSecretServices,
  runner: RunnerPrincipal,
  jobId: string,
  request: JobSecretsRequest,
): Promise<JobSecretsResponse> {
  const { database, versions, audit } = services;
  const job = await findHeldJob(database, runner.runnerId, {
    jobId,
    attempt: request.attempt,
    leaseId: request.lease_id,
  });
  const { definition } = await versions.of(database, job.pipeline_id, job.version);
  const names = [...new Set(request.names)];
  const declared = names.filter((name) => definition.secrets.includes(name));
  const rows = await findJobSecrets(database, job.pipeline_name, declared);
  const secrets: { name: string; value: string }[] = [];
  const absent: { name: string; reason: string }[] = [];
  const used: string[] = [];
  for (const name of names) {
    const row = rows.find((each) => each.name === name);
    const known = declared.includes(name);
    const reason = known ? whyNotGiven(job, name, row) : 'the pipeline does not declare it';
    const value = reason === undefined && row ? await readValue(services, row) : undefined;
    if (value === undefined) {
      absent.push({ name, reason: reason ?? `${row?.provider} has no ${row?.reference}` });
      continue;
    }
    secrets.push({ name, value: value.reveal() });
    if (row !== undefined) used.push(row.id);
  }
  // Whoever reads a value is in the log, or does not read it.
  await database.transaction(
    async (tx) => {
      if (used.length > 0) await markSecretsUsed(tx, used);
      const given = secrets.map(({ name }) => name);
      const refused = absent.length === 0 ? undefined : absent.map(({ name }) => name);
      await audit.record(tx, runner, {
        action: 'job.secrets',
        object: { kind: 'job', id: jobId, name: job.pipeline_name },
        details: { secrets: given, refused, attempt: request.attempt },
      });
    },
    { repeatable: false },
  );
  return { secrets, absent };
}

/**
 * One sentence for each secret that a job declares and is not given, for those who wonder why it
 * fails. Says nothing of providers: they are not asked.
 */
export async function missingSecrets(db: Queryable, job: JobRow): Promise<string[]> {
  const { definition } = await versionOf(db, job.pipeline_id, job.version);
  if (definition.secrets.length === 0) return [];
  const rows = await findJobSecrets(db, job.pipeline_name, definition.secrets);
  return definition.secrets.flatMap((name) => {
    const row = rows.find((each) => each.name === name);
    const reason = whyNotGiven(job, name, row);
    return reason === undefined ? [] : [`The secret ${name} has no value for it: ${reason}.`];
  });
}

function whyNotGiven(job: JobRow, name: string, row: JobSecretRow | undefined): string | undefined {
  if (row === undefined) {
    return `there is neither a secret ${name} of the installation nor one of the pipeline`;
  }
  if (row.events.includes(job.event)) return undefined;
  const pipeline = `the pipeline ${job.pipeline_name}`;
  if (row.events.length === 0) return `it is not granted to ${pipeline}`;
  const others = row.events.join(' and ');
  return `it is granted to ${pipeline} for jobs launched by ${others}, and this one was by ${job.event}`;
}

async function readValue(
  { sealer, secretSources }: JobSecretServices,
  row: JobSecretRow,
): Promise<SecretText | undefined> {
  if (row.provider !== 'database') {
    return secretSources.find(row.provider).read(row.reference ?? '');
  }
  const { master_key_id, wrapped_key, box } = row;
  if (!master_key_id || !wrapped_key || !box) {
    const reason = `the version ${row.version} of the secret ${row.name} is not in the database`;
    throw RivetError.of('RIVET_INTERNAL', { reason });
  }
  return openSecret(sealer, row, row.version, { master_key_id, wrapped_key, box });
}
