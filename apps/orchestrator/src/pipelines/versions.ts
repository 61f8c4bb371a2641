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
import type { Person } from '../auth/principal.ts';
import { findPipeline } from '../find.ts';
import { presentPipeline } from '../present.ts';
import type { PipelineChecker } from './pipeline-checker.ts';

/**
 * Validates a bundle and makes it the newest version of the pipeline that it names. The same files
 * as the current version make none.
 * @throws RIVET_PIPELINE_INVALID with all the issues; RIVET_ACCESS_DENIED
 */
export async function createPipeline(
  { database, checker }: { database: Database; checker: PipelineChecker },
  person: Person,
  bundle: PipelineBundle,
): Promise<CreatePipelineResponse> {
  requireSomewhere(person, 'pipelines.edit');
  const checked = await checker.check(bundle);
  if (!checked.ok) throw pipelineInvalid(checked.issues);
  const { definition } = checked;
  requireOn(person, 'pipelines.edit', { kind: 'pipeline', name: definition.name });
  const content = { digest: bundleDigest(bundle), bundle, definition };
  return database.transaction(
    async (tx) => {
      const existing = await lockPipeline(tx, { name: definition.name });
      if (existing !== undefined) return addVersion(tx, existing, content);
      const { name, description } = definition;
      const made = await insertPipeline(tx, { id: uuidv7(), name, description });
      if (made !== undefined) {
        await insertPipelineVersion(tx, made.id, 1, content);
        return { ...presentPipeline(made), changed: true };
      }
      // Somebody made the same name since the look above, and has committed by now.
      const theirs = await lockPipeline(tx, { name });
      if (theirs === undefined) throw gone(name);
      return addVersion(tx, theirs, content);
    },
    { repeatable: true },
  );
}

/**
 * Makes the files of an earlier version the newest version.
 * @throws RIVET_PIPELINE_NOT_FOUND, RIVET_PIPELINE_VERSION_NOT_FOUND
 */
export async function rollbackPipeline(
  database: Database,
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
      return addVersion(tx, pipeline, content);
    },
    { repeatable: true },
  );
}

/**
 * Deletes a pipeline; its jobs and their versions stay.
 * @throws RIVET_PIPELINE_NOT_FOUND, RIVET_PIPELINE_IN_USE
 */
export async function removePipeline(
  database: Database,
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
    },
    { repeatable: true },
  );
}

async function addVersion(
  tx: Queryable,
  pipeline: PipelineRow,
  content: PipelineContent,
): Promise<CreatePipelineResponse> {
  const { id } = pipeline;
  const current = await readPipelineVersion(tx, id, pipeline.version);
  if (current?.digest === content.digest) return { ...presentPipeline(pipeline), changed: false };
  const version = pipeline.version + 1;
  await insertPipelineVersion(tx, id, version, content);
  const { description } = content.definition;
  const changed = await setPipelineVersion(tx, { id, version, description });
  return { ...presentPipeline(changed ?? pipeline), changed: true };
}

function gone(ref: string): RivetError {
  return RivetError.of('RIVET_PIPELINE_NOT_FOUND', { ref: JSON.stringify(ref), suggestion: '' });
}
