// Routes of the resource "pipelines".
import { listPipelines, listPipelineVersions } from '@rivet/store';
import { requireSomewhere } from '../../access/guard.ts';
import { findPipeline, versionOf } from '../../find.ts';
import { launchPipeline } from '../../jobs/launch.ts';
import { createPipeline, removePipeline, rollbackPipeline } from '../../pipelines/versions.ts';
import { presentJob, presentPipeline } from '../../present.ts';
import type { Services } from '../../services.ts';
import { decodeCursor, encodeCursor, toPage } from '../cursor.ts';
import type { Handlers } from '../handler.ts';
import { readIdempotencyKey } from '../idempotency-key.ts';

type Names =
  | 'createPipeline'
  | 'checkPipeline'
  | 'listPipelines'
  | 'getPipeline'
  | 'deletePipeline'
  | 'listPipelineVersions'
  | 'rollbackPipeline'
  | 'launchPipeline';

const LIMIT_DEFAULT = 50;
/** Versions of one answer: the route has no pages, and nobody reads more. */
const VERSIONS_MAX = 500;

export function pipelineRoutes(services: Services): Handlers<Names> {
  const { database, checker } = services;
  return {
    createPipeline: ({ body, person }) => createPipeline(services, person(), body.bundle),
    checkPipeline: async ({ body, person }) => {
      // Checking runs the program of whoever asks: it is for those who write pipelines.
      requireSomewhere(person(), 'pipelines.edit');
      const checked = await checker.check(body.bundle);
      return checked.ok
        ? { valid: true, issues: [], definition: checked.definition }
        : { valid: false, issues: checked.issues, definition: null };
    },
    listPipelines: async ({ query, person }) => {
      const limit = query.limit ?? LIMIT_DEFAULT;
      const after =
        query.cursor === undefined ? '' : decodeCursor('pipelines', query.cursor, /^[^\0]{1,100}$/);
      const filter = person().access.filterOf('pipelines.view');
      const options = { after, search: query.search ?? '', limit: limit + 1, filter };
      const rows = await listPipelines(database, options);
      return toPage(rows, limit, presentPipeline, (row) => encodeCursor('pipelines', row.name));
    },
    getPipeline: async ({ params, person }) => {
      const pipeline = await findPipeline(database, person(), params.ref, 'pipelines.view');
      const { definition, bundle } = await versionOf(database, pipeline.id, pipeline.version);
      return { ...presentPipeline(pipeline), definition, bundle };
    },
    deletePipeline: async ({ params, person }) => {
      await removePipeline(services, person(), params.ref);
      return undefined;
    },
    listPipelineVersions: async ({ params, person }) => {
      const pipeline = await findPipeline(database, person(), params.ref, 'pipelines.view');
      const { id, version: current } = pipeline;
      const before = 2 ** 31 - 1;
      const rows = await listPipelineVersions(database, id, { before, limit: VERSIONS_MAX });
      const items = rows.map(({ version, digest, created_at }) => ({
        version,
        digest,
        created_at: created_at.toISOString(),
        current: version === current,
      }));
      return { items, next_cursor: null };
    },
    rollbackPipeline: ({ params, body, person }) =>
      rollbackPipeline(services, person(), params.ref, body.version),
    launchPipeline: async ({ params, body, person, request }) => {
      const key = readIdempotencyKey(request);
      return presentJob(await launchPipeline(services, person(), params.ref, body, key));
    },
  };
}
