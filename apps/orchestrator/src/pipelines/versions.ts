// Makes versions of pipelines: from a new bundle, or from an earlier version.
import { RivetError, uuidv7 } from '@rivet/base';
import { bundleDigest, pipelineInvalid } from '@rivet/pipeline';
import type { CreatePipelineResponse, PipelineBundle } from '@rivet/protocol';
import {
  countUnfinishedJobs,
  type Database,
  deletePipeline,
  insertPipeline,
  insertPipelineVersion,
  lockPipeline,
  type PipelineContent,
  type PipelineRow,
  type Queryable,
  readPipelineVersion,
  setPipelineVersion,
} from '@rivet/store';
import { requireOn, requireSomewhere } from '../access/guard.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { Person } from '../auth/principal.ts';
import { findPipeline } from '../find.ts';
import { presentPipeline } from '../present.ts';
import type { PipelineChecker } from './pipeline-checker.ts';

export interface VersionServices {
  readonly database: Database;
  readonly audit: AuditLog;
}

/** Tells the audit log of a new version. */
type VersionRecord = (tx: Queryable, pipeline: PipelineRow, version: number) => Promise<void>;

/**
 * Validates a bundle and makes it the newest version of the pipeline that it names. The same files
 * as the current version make none.
 * @throws RIVET_PIPELINE_INVALID with all the issues; RIVET_ACCESS_DENIED
 */
export async function createPipeline(
  services: VersionServices & { readonly checker: PipelineChecker },
  person: Person,
  bundle: PipelineBundle,
): Promise<CreatePipelineResponse> {
  const { database, checker, audit } = services;
  requireSomewhere(person, 'pipelines.edit');
  const checked = await checker.check(bundle);
  if (!checked.ok) throw pipelineInvalid(checked.issues);
  const { definition } = checked;
  requireOn(person, 'pipelines.edit', { kind: 'pipeline', name: definition.name });
  const content = { digest: bundleDigest(bundle), bundle, definition };
  const recorded: VersionRecord = (tx, pipeline, version) =>
    audit.record(tx, person, {
      action: 'pipeline.update',
      object: { kind: 'pipeline', id: pipeline.id, name: pipeline.name },
      details: { version, digest: content.digest },
    });
  return database.transaction(
    async (tx) => {
      const existing = await lockPipeline(tx, { name: definition.name });
      if (existing !== undefined) return addVersion(tx, existing, content, recorded);
      const { name, description } = definition;
      const made = await insertPipeline(tx, { id: uuidv7(), name, description });
      if (made !== undefined) {
        await insertPipelineVersion(tx, made.id, 1, content);
        await audit.record(tx, person, {
          action: 'pipeline.create',
          object: { kind: 'pipeline', id: made.id, name },
          details: { version: 1, digest: content.digest },
        });
        return { ...presentPipeline(made), changed: true };
      }
      // Somebody made the same name since the look above, and has committed by now.
      const theirs = await lockPipeline(tx, { name });
      if (theirs === undefined) throw gone(name);
      return addVersion(tx, theirs, content, recorded);
    },
    { repeatable: true },
  );
}

/**
 * Makes the files of an earlier version the newest version.
 * @throws RIVET_PIPELINE_NOT_FOUND, RIVET_PIPELINE_VERSION_NOT_FOUND
 */
export async function rollbackPipeline(
  { database, audit }: VersionServices,
  person: Person,
  ref: string,
  version: number,
): Promise<CreatePipelineResponse> {
  const { id } = await findPipeline(database, person, ref, 'pipelines.edit');
  return database.transaction(
    async (tx) => {
      const pipeline = await lockPipeline(tx, { id });
      if (pipeline === undefined) throw gone(ref);
      const content = await readPipelineVersion(tx, id, version);
      if (content === undefined) {
        const { name, version: latest } = pipeline;
        throw RivetError.of('RIVET_PIPELINE_VERSION_NOT_FOUND', {
          pipeline: name,
          version,
          latest,
        });
      }
      return addVersion(tx, pipeline, content, (_, { name }, made) =>
        audit.record(tx, person, {
          action: 'pipeline.rollback',
          object: { kind: 'pipeline', id, name },
          details: { version: made, from: version, digest: content.digest },
        }),
      );
    },
    { repeatable: true },
  );
}

/**
 * Deletes a pipeline; its jobs and their versions stay.
 * @throws RIVET_PIPELINE_NOT_FOUND, RIVET_PIPELINE_IN_USE
 */
export async function removePipeline(
  { database, audit }: VersionServices,
  person: Person,
  ref: string,
): Promise<void> {
  const { id } = await findPipeline(database, person, ref, 'pipelines.edit');
  await database.transaction(
    async (tx) => {
      // A launch shares the pipeline until its job is there: none can slip in behind the count.
      const pipeline = await lockPipeline(tx, { id });
      if (pipeline === undefined) return;
      const count = await countUnfinishedJobs(tx, id);
      if (count > 0)
        throw RivetError.of('RIVET_PIPELINE_IN_USE', { pipeline: pipeline.name, count });
      await deletePipeline(tx, id);
      await audit.record(tx, person, {
        action: 'pipeline.delete',
        object: { kind: 'pipeline', id, name: pipeline.name },
      });
    },
    { repeatable: true },
  );
}

async function addVersion(
  tx: Queryable,
  pipeline: PipelineRow,
  content: PipelineContent,
  record: VersionRecord,
): Promise<CreatePipelineResponse> {
  const { id } = pipeline;
  const current = await readPipelineVersion(tx, id, pipeline.version);
  if (current?.digest === content.digest) return { ...presentPipeline(pipeline), changed: false };
  const version = pipeline.version + 1;
  await insertPipelineVersion(tx, id, version, content);
  const { description } = content.definition;
  const changed = await setPipelineVersion(tx, { id, version, description });
  await record(tx, pipeline, version);
  return { ...presentPipeline(changed ?? pipeline), changed: true };
}

function gone(ref: string): RivetError {
  return RivetError.of('RIVET_PIPELINE_NOT_FOUND', { ref: JSON.stringify(ref), suggestion: '' });
}
