// Pipelines and their versions.
import type { PipelineBundle, PipelineDefinition } from '@rivet/protocol';
import { idRange, isWholeId } from './id-range.ts';
import { filterValues, type NameFilter, nameFits } from './name-filter.ts';
import { once, type Queryable, repeatable } from './statement.ts';

export interface PipelineRow {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly version: number;
  readonly created_at: Date;
  readonly updated_at: Date;
}

export interface PipelineVersionRow {
  readonly version: number;
  readonly digest: string;
  readonly created_at: Date;
}

export interface PipelineContent {
  readonly digest: string;
  readonly bundle: PipelineBundle;
  readonly definition: PipelineDefinition;
}

const COLUMNS = 'id, name, description, version, created_at, updated_at';

const byName = repeatable(
  'pipeline_by_name',
  `SELECT ${COLUMNS} FROM pipelines
   WHERE name = $1 AND deleted_at IS NULL AND ${nameFits('name', 2)}`,
);
const byIdRange = repeatable(
  'pipelines_by_id_range',
  `SELECT ${COLUMNS} FROM pipelines
   WHERE id BETWEEN $1 AND $2 AND deleted_at IS NULL AND ${nameFits('name', 3)}
   ORDER BY id LIMIT 4`,
);

/**
 * The pipelines that `ref` can mean for whom sees those of `filter`: the one of that name, or up to
 * four whose id begins so.
 */
export async function findPipelines(
  db: Queryable,
  ref: string,
  filter: NameFilter | undefined,
): Promise<PipelineRow[]> {
  const names = filterValues(filter);
  const named = isWholeId(ref) ? [] : await db.query<PipelineRow>(byName, [ref, ...names]);
  if (named.length > 0) return named;
  const range = ref.length < 4 ? undefined : idRange(ref);
  if (range === undefined) return [];
  return db.query<PipelineRow>(byIdRange, [range.from, range.to, ...names]);
}

const list = repeatable(
  'list_pipelines',
  `SELECT ${COLUMNS} FROM pipelines
   WHERE deleted_at IS NULL AND name > $1
     -- strpos takes the text literally, LIKE would not.
     AND ($2 = '' OR strpos(lower(name), lower($2)) > 0)
     AND ${nameFits('name', 4)}
   ORDER BY name LIMIT $3`,
);

/** Pipelines that fit `filter`, by name, after the name `after`. */
export function listPipelines(
  db: Queryable,
  options: { after: string; search: string; limit: number; filter: NameFilter | undefined },
): Promise<PipelineRow[]> {
  const { after, search, limit, filter } = options;
  return db.query(list, [after, search, limit, ...filterValues(filter)]);
}

const lockByName = repeatable(
  'lock_pipeline_by_name',
  `SELECT ${COLUMNS} FROM pipelines WHERE name = $1 AND deleted_at IS NULL FOR UPDATE`,
);
const lockById = repeatable(
  'lock_pipeline',
  `SELECT ${COLUMNS} FROM pipelines WHERE id = $1 AND deleted_at IS NULL FOR UPDATE`,
);
const shareById = repeatable(
  'share_pipeline',
  `SELECT ${COLUMNS} FROM pipelines WHERE id = $1 AND deleted_at IS NULL FOR SHARE`,
);

/** Keeps others from changing the pipeline until the transaction ends. */
export async function lockPipeline(
  tx: Queryable,
  by: { name: string } | { id: string },
): Promise<PipelineRow | undefined> {
  const rows = await ('name' in by
    ? tx.query<PipelineRow>(lockByName, [by.name])
    : tx.query<PipelineRow>(lockById, [by.id]));
  return rows[0];
}

/** Keeps others from deleting the pipeline until the transaction ends; many may share it. */
export async function sharePipeline(tx: Queryable, id: string): Promise<PipelineRow | undefined> {
  return (await tx.query<PipelineRow>(shareById, [id]))[0];
}

const insert = once(
  'insert_pipeline',
  `INSERT INTO pipelines (id, name, description, version) VALUES ($1, $2, $3, 1)
   -- Somebody may have made the name a moment ago: then there is no row, and the caller looks
   -- again.
   ON CONFLICT (name) WHERE deleted_at IS NULL DO NOTHING
   RETURNING ${COLUMNS}`,
);

/** Makes a pipeline at version 1, whose content must follow; undefined when the name exists. */
export async function insertPipeline(
  tx: Queryable,
  pipeline: { id: string; name: string; description: string },
): Promise<PipelineRow | undefined> {
  const values = [pipeline.id, pipeline.name, pipeline.description];
  return (await tx.query<PipelineRow>(insert, values))[0];
}

const setVersion = once(
  'set_pipeline_version',
  `UPDATE pipelines SET version = $2, description = $3, updated_at = now() WHERE id = $1
   RETURNING ${COLUMNS}`,
);

/** Makes `version`, whose content must be there, the current one. */
export async function setPipelineVersion(
  tx: Queryable,
  change: { id: string; version: number; description: string },
): Promise<PipelineRow | undefined> {
  const values = [change.id, change.version, change.description];
  return (await tx.query<PipelineRow>(setVersion, values))[0];
}

const markDeleted = once(
  'delete_pipeline',
  `UPDATE pipelines SET deleted_at = now() WHERE id = $1 AND deleted_at IS NULL`,
);

/** Hides the pipeline and frees its name; its versions stay for its jobs. */
export async function deletePipeline(tx: Queryable, id: string): Promise<void> {
  await tx.query(markDeleted, [id]);
}

const insertVersion = once(
  'insert_pipeline_version',
  `INSERT INTO pipeline_versions (pipeline_id, version, digest, bundle, definition)
   VALUES ($1, $2, $3, $4, $5)`,
);

export async function insertPipelineVersion(
  tx: Queryable,
  id: string,
  version: number,
  content: PipelineContent,
): Promise<void> {
  const { digest, bundle, definition } = content;
  const json = [JSON.stringify(bundle), JSON.stringify(definition)];
  await tx.query(insertVersion, [id, version, digest, ...json]);
}

const readVersion = repeatable(
  'read_pipeline_version',
  `SELECT digest, bundle, definition FROM pipeline_versions WHERE pipeline_id = $1 AND version = $2`,
);

export async function readPipelineVersion(
  db: Queryable,
  id: string,
  version: number,
): Promise<PipelineContent | undefined> {
  return (await db.query<PipelineContent>(readVersion, [id, version]))[0];
}

const readRetry = repeatable(
  'read_retry_rule',
  `SELECT definition->'retry' AS retry FROM pipeline_versions
   WHERE pipeline_id = $1 AND version = $2`,
);

/** What a version says about other attempts; null when there are none. */
export async function readRetryRule(
  db: Queryable,
  id: string,
  version: number,
): Promise<PipelineDefinition['retry']> {
  const rows = await db.query<Pick<PipelineDefinition, 'retry'>>(readRetry, [id, version]);
  return rows[0]?.retry ?? null;
}

const listVersions = repeatable(
  'list_pipeline_versions',
  `SELECT version, digest, created_at FROM pipeline_versions
   WHERE pipeline_id = $1 AND version < $2 ORDER BY version DESC LIMIT $3`,
);

/** Versions below `before`, newest first. */
export function listPipelineVersions(
  db: Queryable,
  id: string,
  options: { before: number; limit: number },
): Promise<PipelineVersionRow[]> {
  return db.query(listVersions, [id, options.before, options.limit]);
}
