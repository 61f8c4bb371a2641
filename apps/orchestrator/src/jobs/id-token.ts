// Identity tokens of jobs: a signed statement, for one audience, of which job it is that asks.
import { didYouMean, RivetError } from '@rivet/base';
import type { IdTokenRequest, IdTokenResponse } from '@rivet/protocol';
import { type Database, type JobRow, readJobContent, readPipelineVersion } from '@rivet/store';
import type { AuditLog } from '../audit/audit-log.ts';
import type { RunnerPrincipal } from '../auth/principal.ts';
import type { SigningKeys } from '../auth/signing-keys.ts';
import { findHeldJob } from './held-lease.ts';

export interface IdTokenServices {
  readonly database: Database;
  readonly audit: AuditLog;
  readonly signingKeys: Pick<SigningKeys, 'sign'>;
  /** The URL under which receivers of tokens find `/.well-known/openid-configuration`. */
  readonly issuer: () => string;
}

/** Long enough to exchange it for what a cloud gives, and short enough to be worthless in a log. */
const TTL_SECONDS = 600;
/** OpenID Connect Core: a subject has at most this many ASCII characters. */
const SUBJECT_LENGTH_MAX = 255;

/**
 * Signs a token for a job that the runner holds the lease of.
 * @throws RIVET_JOB_NOT_FOUND, RIVET_LEASE_LOST, RIVET_ID_TOKEN_UNDECLARED, RIVET_ID_TOKEN_SUBJECT
 */
export async function issueIdToken(
  { database, audit, signingKeys, issuer }: IdTokenServices,
  runner: RunnerPrincipal,
  jobId: string,
  { attempt, lease_id: leaseId, audience }: IdTokenRequest,
): Promise<IdTokenResponse> {
  const claims = await database.transaction(
    async (tx) => {
      const job = await findHeldJob(tx, runner.runnerId, { jobId, attempt, leaseId });
      const version = await readPipelineVersion(tx, job.pipeline_id, job.version);
      const declared = version?.definition.id_tokens ?? [];
      if (!declared.includes(audience)) {
        const nearest = didYouMean(audience, declared);
        throw RivetError.of('RIVET_ID_TOKEN_UNDECLARED', { audience, nearest });
      }
      const secret = version?.definition.inputs.some(
        (input) => input.name === 'branch' && input.secret,
      );
      const branch = secret ? undefined : (await readJobContent(tx, jobId))?.inputs.branch;
      const text = typeof branch === 'string' && branch !== '' ? branch : undefined;
      const stated = claimsOf(job, attempt, runner, text);
      const object = { kind: 'job', id: jobId, name: job.pipeline_name };
      const details = { audience, attempt, subject: stated.sub };
      await audit.record(tx, runner, { action: 'job.id_token', object, details });
      return stated;
    },
    { repeatable: true },
  );
  const options = { typ: 'JWT', issuer: issuer(), audience, ttlSeconds: TTL_SECONDS } as const;
  return { token: await signingKeys.sign(claims, options), expires_in_seconds: TTL_SECONDS };
}

function claimsOf(
  job: JobRow,
  attempt: number,
  runner: RunnerPrincipal,
  branch: string | undefined,
): Record<string, string | number> & { readonly sub: string } {
  return {
    sub: subjectOf(job, branch),
    pipeline: job.pipeline_name,
    pipeline_id: job.pipeline_id,
    version: job.version,
    job: job.id,
    attempt,
    event: job.event,
    ...(branch === undefined ? {} : { branch }),
    runner: runner.name,
    runner_id: runner.runnerId,
    launched_by: job.launched_by,
  };
}

/**
 * What many receivers can compare and nothing else: `pipeline:release:version:3:event:manual` and
 * `:branch:main`. Names of pipelines have no colon, and in the branch, which whoever launches the
 * job may choose, everything but letters, digits and `-_.~/` is encoded, so that none can pass for
 * another part.
 */
function subjectOf(job: JobRow, branch: string | undefined): string {
  const parts = [`pipeline:${job.pipeline_name}`, `version:${job.version}`, `event:${job.event}`];
  if (branch !== undefined) parts.push(`branch:${encodeBranch(branch)}`);
  const subject = parts.join(':');
  if (subject.length <= SUBJECT_LENGTH_MAX) return subject;
  throw RivetError.of('RIVET_ID_TOKEN_SUBJECT', {
    found: subject.length,
    limit: SUBJECT_LENGTH_MAX,
    subject: `${subject.slice(0, SUBJECT_LENGTH_MAX)}…`,
  });
}

function encodeBranch(branch: string): string {
  return encodeURIComponent(branch.toWellFormed())
    .replaceAll('%2F', '/')
    .replaceAll(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
}
