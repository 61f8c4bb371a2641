// The resource "pipelines": create, check, versions, launch.
import { type Static, Type } from 'typebox';
import { count, PRIORITY_MAX } from '../bounds.ts';
import { DefinitionIssue, InputValues, PipelineBundle, PipelineDefinition } from '../definition.ts';
import { Page, PageQuery, Timestamp } from './page.ts';

export const PipelineRef = Type.Object({
  /** Name, id, or a unique prefix of the id. */
  ref: Type.String({ minLength: 1, maxLength: 200 }),
});

/** Creating an existing name makes its next version; the same bundle again makes none. */
export const CreatePipelineRequest = Type.Object({ bundle: PipelineBundle });
export type CreatePipelineRequest = Static<typeof CreatePipelineRequest>;

export const Pipeline = Type.Object({
  id: Type.String(),
  name: Type.String(),
  description: Type.String(),
  version: Type.Integer(),
  created_at: Timestamp,
  updated_at: Timestamp,
});
export type Pipeline = Static<typeof Pipeline>;

export const PipelineDetail = Type.Object({
  ...Pipeline.properties,
  definition: PipelineDefinition,
  bundle: PipelineBundle,
});
export type PipelineDetail = Static<typeof PipelineDetail>;

export const CreatePipelineResponse = Type.Object({
  ...Pipeline.properties,
  /** False when the bundle was the current version already. */
  changed: Type.Boolean(),
});
export type CreatePipelineResponse = Static<typeof CreatePipelineResponse>;

export const CheckPipelineResponse = Type.Object({
  valid: Type.Boolean(),
  issues: Type.Array(DefinitionIssue),
  definition: Type.Union([PipelineDefinition, Type.Null()]),
});
export type CheckPipelineResponse = Static<typeof CheckPipelineResponse>;

export const PipelineListQuery = Type.Object({
  ...PageQuery.properties,
  /** Text that the name contains; taken literally. */
  search: Type.Optional(Type.String({ maxLength: 200 })),
});
export const PipelineList = Page(Pipeline);
export type PipelineList = Static<typeof PipelineList>;

export const PipelineVersion = Type.Object({
  version: Type.Integer(),
  /** SHA-256 of the bundle, hex. */
  digest: Type.String(),
  created_at: Timestamp,
  current: Type.Boolean(),
});
export type PipelineVersion = Static<typeof PipelineVersion>;
export const PipelineVersionList = Page(PipelineVersion);
export type PipelineVersionList = Static<typeof PipelineVersionList>;

/** Makes the files of an earlier version the newest version. */
export const RollbackRequest = Type.Object({ version: count(1) });
export type RollbackRequest = Static<typeof RollbackRequest>;

export const LaunchRequest = Type.Object({
  inputs: Type.Optional(InputValues),
  /** For people: who or what launched it. */
  /** Higher first among the queued; 0 when absent. */
  priority: Type.Optional(Type.Integer({ minimum: -PRIORITY_MAX, maximum: PRIORITY_MAX })),
});
export type LaunchRequest = Static<typeof LaunchRequest>;
