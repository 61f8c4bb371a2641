// A pipeline's definition without its functions: what is stored, shown, and compared on the runner.
import { type Static, Type } from 'typebox';

const Nullable = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) =>
  Type.Union([schema, Type.Null()]);

export const inputTypes = ['string', 'number', 'bool', 'list'] as const;

/** A value of an input: lists hold scalars. */
export const InputValue = Type.Union([
  Type.String(),
  Type.Number(),
  Type.Boolean(),
  Type.Array(Type.Union([Type.String(), Type.Number(), Type.Boolean()])),
]);
export type InputValue = Static<typeof InputValue>;

/** Values by the name of the input. */
export const InputValues = Type.Record(Type.String(), InputValue);
export type InputValues = Static<typeof InputValues>;

const scalarRules = {
  /** The allowed values. */
  options: Type.Optional(Type.Array(Type.Union([Type.String(), Type.Number(), Type.Boolean()]))),
  /** A Lua pattern that a string must match. */
  pattern: Type.Optional(Type.String()),
  min: Type.Optional(Type.Number()),
  max: Type.Optional(Type.Number()),
  integer: Type.Optional(Type.Boolean()),
};

/** An input in the order of the file, so that questions are asked in the author's order. */
export const InputDefinition = Type.Object({
  name: Type.String(),
  type: Type.Enum(inputTypes),
  description: Type.Optional(Type.String()),
  required: Type.Boolean(),
  default: Type.Optional(InputValue),
  secret: Type.Boolean(),
  ...scalarRules,
  items: Type.Optional(
    Type.Object({
      type: Type.Union([Type.Literal('string'), Type.Literal('number'), Type.Literal('bool')]),
      ...scalarRules,
    }),
  ),
  min_items: Type.Optional(Type.Integer()),
  max_items: Type.Optional(Type.Integer()),
  /** Whether the pipeline has a function of its own for it, which runs at launch. */
  has_validate: Type.Boolean(),
  /** Whether a function of the pipeline gives the options, from the values of the inputs before. */
  has_options: Type.Optional(Type.Boolean()),
});
export type InputDefinition = Static<typeof InputDefinition>;

/** A directory of the machine, or an empty one in memory where there is no `source`. */
export const ContainerMount = Type.Object({
  /** Absolute path in the container. */
  target: Type.String(),
  source: Type.Optional(Type.String()),
  readonly: Type.Optional(Type.Boolean()),
  /** Bytes of one in memory. */
  size: Type.Optional(Type.Integer()),
});
export type ContainerMount = Static<typeof ContainerMount>;

/**
 * What a container of a stage or of `container.with` is asked for; absent means the installation's
 * default.
 */
export const ContainerOptions = Type.Object({
  image: Type.String(),
  entrypoint: Type.Optional(Type.Array(Type.String())),
  env: Type.Optional(Type.Record(Type.String(), Type.String())),
  network: Type.Optional(Type.Union([Type.Literal('none'), Type.Literal('default')])),
  memory: Type.Optional(Type.Integer()),
  cpus: Type.Optional(Type.Number()),
  pids: Type.Optional(Type.Integer()),
  user: Type.Optional(Type.String()),
  pull: Type.Optional(
    Type.Union([Type.Literal('missing'), Type.Literal('always'), Type.Literal('never')]),
  ),
  mounts: Type.Optional(Type.Array(ContainerMount)),
  privileged: Type.Optional(Type.Boolean()),
});
export type ContainerOptions = Static<typeof ContainerOptions>;

export const retryCauses = [
  'runner_lost',
  'infrastructure',
  'interrupted',
  'timeout',
  'stage_failed',
] as const;
export type RetryCause = (typeof retryCauses)[number];

export const RetryRule = Type.Object({
  /** Attempts after the first. */
  max: Type.Integer(),
  /** Numbers are exit codes of the command whose failure ended the job. */
  on: Type.Array(Type.Union([Type.Enum(retryCauses), Type.Integer({ minimum: 1, maximum: 255 })])),
});
export type RetryRule = Static<typeof RetryRule>;

/** How many jobs of a group run at a time. */
export const ConcurrencyRule = Type.Object({
  /** The same in all pipelines of the installation; `{name}` stands for the value of an input. */
  group: Type.String(),
  limit: Type.Integer(),
  /** Which older jobs of the group end when a newer one is launched that has no room. */
  cancel_superseded: Type.Enum(['none', 'waiting', 'all'] as const),
  /** Its share among the pipelines of the group; absent: places go by the order of launches. */
  weight: Type.Optional(Type.Integer()),
});
export type ConcurrencyRule = Static<typeof ConcurrencyRule>;

/**
 * What a pipeline or one of its stages allows itself; each narrows what the level above allows.
 * Absent means no rule.
 */
export const PipelinePolicy = Type.Object({
  process: Type.Optional(
    Type.Object({
      allow: Type.Optional(Type.Array(Type.String())),
      deny: Type.Optional(Type.Array(Type.String())),
    }),
  ),
  container: Type.Optional(
    Type.Object({
      images: Type.Optional(Type.Array(Type.String())),
      deny_images: Type.Optional(Type.Array(Type.String())),
      network: Type.Optional(Type.Union([Type.Literal('none'), Type.Literal('default')])),
      pull: Type.Optional(
        Type.Union([Type.Literal('missing'), Type.Literal('always'), Type.Literal('never')]),
      ),
      /** Whether images must pass the signature policy of the installation. */
      verify: Type.Optional(Type.Boolean()),
    }),
  ),
  http: Type.Optional(
    Type.Object({
      allow: Type.Optional(Type.Array(Type.String())),
      deny: Type.Optional(Type.Array(Type.String())),
      /** Requests in a second. */
      rate: Type.Optional(Type.Number()),
    }),
  ),
  /** In bytes. */
  fs: Type.Optional(
    Type.Object({
      file_max: Type.Optional(Type.Integer()),
      workspace_max: Type.Optional(Type.Integer()),
    }),
  ),
  /** Of each container, and of each command that sets limits of its own; memory in bytes. */
  limits: Type.Optional(
    Type.Object({
      memory: Type.Optional(Type.Integer()),
      cpus: Type.Optional(Type.Number()),
      pids: Type.Optional(Type.Integer()),
    }),
  ),
});
export type PipelinePolicy = Static<typeof PipelinePolicy>;

/** Why a stage may run again in the same attempt. */
export const stageRetryCauses = ['stage_failed', 'timeout', 'infrastructure'] as const;
export type StageRetryCause = (typeof stageRetryCauses)[number];

export const StageDefinition = Type.Object({
  name: Type.String(),
  /** Null: after all the stages before it in the file. */
  needs: Nullable(Type.Array(Type.String())),
  container: Nullable(ContainerOptions),
  has_condition: Type.Boolean(),
  timeout_ms: Nullable(Type.Integer()),
  /** Runs of the stage after the first that failed. */
  retry_max: Type.Integer(),
  /** What it runs again for; absent means all of them. */
  retry_on: Type.Optional(Type.Array(Type.Enum(stageRetryCauses))),
  /** The pause before it runs again; absent means none. */
  retry_delay_ms: Type.Optional(Type.Integer()),
  allow_failure: Type.Boolean(),
  readonly: Type.Boolean(),
  always: Type.Boolean(),
  policy: Type.Optional(PipelinePolicy),
});
export type StageDefinition = Static<typeof StageDefinition>;

export const RunnerTag = Type.Object({ key: Type.String(), value: Type.String() });
export type RunnerTag = Static<typeof RunnerTag>;

/**
 * A plugin that the pipeline uses, as it lies in the bundle: another version or other files are a
 * difference between two definitions.
 */
export const PluginUse = Type.Object({
  name: Type.String(),
  /** What its plugin.lua says. */
  version: Type.String(),
  /** Its folder in the bundle: `plugins/git`. */
  path: Type.String(),
  /** SHA-256 in hex of its files in the bundle. */
  digest: Type.String(),
});
export type PluginUse = Static<typeof PluginUse>;

export const PipelineDefinition = Type.Object({
  name: Type.String(),
  description: Type.String(),
  inputs: Type.Array(InputDefinition),
  runner: Type.Array(RunnerTag),
  plugins: Type.Array(PluginUse),
  secrets: Type.Array(Type.String()),
  /** Audiences that its jobs may have identity tokens for; absent means none. */
  id_tokens: Type.Optional(Type.Array(Type.String())),
  env: Type.Record(Type.String(), Type.String()),
  timeout_ms: Nullable(Type.Integer()),
  retry: Nullable(RetryRule),
  concurrency: Type.Optional(ConcurrencyRule),
  /** Of its jobs, where the launch does not say another one; 0 when absent. */
  priority: Type.Optional(Type.Integer()),
  /** Turns of its jobs where a pipeline of weight 1 that waits too gets one; 1 when absent. */
  weight: Type.Optional(Type.Integer()),
  /** How long its jobs wait for a runner, at most; absent: for ever. */
  max_queue_age_ms: Type.Optional(Type.Integer()),
  policy: PipelinePolicy,
  stages: Type.Array(StageDefinition),
});
export type PipelineDefinition = Static<typeof PipelineDefinition>;

/** The files of a pipeline: the main one and those that `require` loads, by path. */
export const PipelineBundle = Type.Object({
  main: Type.String(),
  files: Type.Record(Type.String(), Type.String()),
});
export type PipelineBundle = Static<typeof PipelineBundle>;

/** One mistake in a definition or an input: where, what was found, what was expected. */
export const DefinitionIssue = Type.Object({
  /** `stages[2].needs[1]`; empty when it is about the whole. */
  path: Type.String(),
  message: Type.String(),
  found: Type.Optional(Type.String()),
  expected: Type.Optional(Type.String()),
  /** A sentence on what to do, where more can be said than what was expected. */
  hint: Type.Optional(Type.String()),
  /** The nearest valid name. */
  nearest: Type.Optional(Type.String()),
  file: Type.Optional(Type.String()),
  line: Type.Optional(Type.Integer()),
  column: Type.Optional(Type.Integer()),
  /** The text of that line. */
  source_line: Type.Optional(Type.String()),
});
export type DefinitionIssue = Static<typeof DefinitionIssue>;
