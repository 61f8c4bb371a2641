// Validates the value that a pipeline file returned: the definition, or every mistake in it.
import { asRecord, type LuaFunction, type LuaValue } from '@rivet/lua';
import type { DefinitionIssue, PipelineDefinition, PipelinePolicy } from '@rivet/protocol';
import { type KnownPlugins, noPlugins } from '../plugins/known-plugins.ts';
import { checkPluginUses, pluginsReader } from '../plugins/read-plugins.ts';
import { policyExcess } from '../policy/policy-excess.ts';
import { readPolicy } from '../policy/read-policy.ts';
import { type ReadInput, readInput } from './input-definition.ts';
import { fieldPath, IssueList, type IssueSources, itemPath } from './issue-list.ts';
import type { LuaChecks } from './lua-checks.ts';
import { checkInputName, readName } from './names.ts';
import { checkGroupInputs, readConcurrency, readPriority, readWeight } from './queueing.ts';
import {
  fieldOf,
  labelOf,
  optional,
  present,
  type Reader,
  readDurationMs,
  readRecord,
  required,
  textReader,
  wrong,
} from './read-fields.ts';
import { readIdTokens, readRetry, readRunnerTags, readSecrets } from './requirements.ts';
import { showValue } from './show-value.ts';
import { type ReadStage, readStage } from './stage-definition.ts';
import { checkStageGraph } from './stage-graph.ts';
import { readVariables } from './variables.ts';

/** The functions of a pipeline, callable on the VM that evaluated it. */
export interface PipelineFunctions {
  /** By name of the stage, in the order of the file. */
  readonly stages: ReadonlyMap<
    string,
    { readonly script: LuaFunction; readonly condition: LuaFunction | undefined }
  >;
  /** `validate` functions by name of the input. */
  readonly inputs: ReadonlyMap<string, LuaFunction>;
  /** `options` functions by name of the input. */
  readonly options: ReadonlyMap<string, LuaFunction>;
}

export interface ValidatedDefinition {
  /** Undefined when there are issues; so is `functions`. */
  readonly definition: PipelineDefinition | undefined;
  readonly functions: PipelineFunctions | undefined;
  /** In the order of the file. */
  readonly issues: DefinitionIssue[];
  /** What only Lua can check, of the inputs without a mistake. */
  readonly luaChecks: LuaChecks;
}

const KNOWN = [
  'name',
  'description',
  'inputs',
  'runner',
  'plugins',
  'secrets',
  'id_tokens',
  'env',
  'timeout',
  'retry',
  'concurrency',
  'priority',
  'weight',
  'max_queue_age',
  'policy',
  'stages',
] as const;
const STAGES_MAX = 1000;
/** Of all stages together. */
const NEEDS_MAX = 20_000;
const INPUTS_MAX = 100;

/**
 * Validates without a VM; positions and files give the issues their lines.
 * @param value the table given to `pipeline.define`
 * @param known the plugins that it can name
 */
export function validateDefinition(
  value: LuaValue | undefined,
  sources: IssueSources = {},
  known: KnownPlugins = noPlugins,
): ValidatedDefinition {
  const issues = new IssueList(sources);
  const expected = 'a table such as { name = "build", stages = { … } }';
  const record = readRecord(value ?? null, '', issues, expected, KNOWN);
  if (record === undefined) return failed(issues);
  const at = <T>(key: string, read: Reader<T>): T | undefined =>
    optional(record, key, '', issues, read);
  const name = required(record, 'name', '', issues, 'the name of the pipeline', readName);
  const description = at('description', textReader({ expected: 'text', lengthMax: 10_000 })) ?? '';
  const inputs = at('inputs', readInputs) ?? [];
  const runner = at('runner', readRunnerTags) ?? [];
  const plugins = at('plugins', pluginsReader(known)) ?? [];
  const secrets = at('secrets', readSecrets) ?? [];
  const idTokens = at('id_tokens', readIdTokens) ?? [];
  const env = at('env', readVariables) ?? {};
  const timeoutMs = at('timeout', readDurationMs) ?? null;
  const retry = at('retry', readRetry) ?? null;
  const concurrency = at('concurrency', readConcurrency);
  const priority = at('priority', readPriority);
  const weight = at('weight', readWeight);
  const maxQueueAgeMs = at('max_queue_age', readDurationMs);
  const policy = at('policy', readPolicy) ?? {};
  const stages = required(record, 'stages', '', issues, 'a list of stages', readStages) ?? [];
  checkStagePolicies(policy, stages, issues);
  const inputDefinitions = inputs.map((input) => input.definition);
  checkGroupInputs(concurrency, inputDefinitions, issues);
  checkPluginUses(plugins, secrets, known, issues);
  const luaChecks = collectLuaChecks(inputs);
  if (issues.length > 0 || name === undefined) return failed(issues, luaChecks);
  return {
    definition: {
      name,
      description,
      inputs: inputDefinitions,
      runner,
      plugins,
      secrets,
      ...(idTokens.length === 0 ? {} : { id_tokens: idTokens }),
      env,
      timeout_ms: timeoutMs,
      retry,
      ...present({ concurrency, priority, weight, max_queue_age_ms: maxQueueAgeMs }),
      policy,
      stages: stages.flatMap((stage) => stage.definition ?? []),
    },
    functions: collectFunctions(inputs, stages),
    issues: [],
    luaChecks,
  };
}

/** A stage may only narrow what the pipeline allows itself. */
function checkStagePolicies(
  policy: PipelinePolicy,
  stages: readonly ReadStage[],
  issues: IssueList,
): void {
  for (const { path, definition } of stages) {
    for (const excess of policyExcess(policy, definition?.policy ?? {})) {
      issues.add(`${path}.policy.${excess.path}`, {
        message: 'a stage cannot allow itself more than its pipeline',
        found: showValue(excess.found),
        expected: `no more than ${excess.rule} of the pipeline, which ${excess.says}`,
      });
    }
  }
}

function failed(
  issues: IssueList,
  luaChecks: LuaChecks = { patterns: [], defaults: [] },
): ValidatedDefinition {
  return { definition: undefined, functions: undefined, issues: issues.toArray(), luaChecks };
}

function collectFunctions(
  inputs: readonly ReadInput[],
  stages: readonly ReadStage[],
): PipelineFunctions {
  return {
    stages: new Map(
      stages.flatMap(({ name, script, condition }) =>
        name === undefined || script === undefined ? [] : [[name, { script, condition }] as const],
      ),
    ),
    inputs: new Map(
      inputs.flatMap(({ definition, validate }) =>
        validate === undefined ? [] : [[definition.name, validate] as const],
      ),
    ),
    options: new Map(
      inputs.flatMap(({ definition, options }) =>
        options === undefined ? [] : [[definition.name, options] as const],
      ),
    ),
  };
}

function collectLuaChecks(inputs: readonly ReadInput[]): LuaChecks {
  const defaults = inputs.flatMap(({ definition, validate }) => {
    const { name, default: value } = definition;
    if (validate === undefined || value === undefined) return [];
    return [
      { path: fieldPath(fieldPath('inputs', name), 'default'), input: name, value, validate },
    ];
  });
  return { patterns: inputs.flatMap((input) => input.patternChecks), defaults };
}

const readInputs: Reader<ReadInput[]> = (value, path, issues) => {
  const expected = 'a table of inputs by name, such as { branch = { type = "string" } }';
  const record = asRecord(value);
  if (record === undefined) {
    return wrong(issues, path, `${labelOf(path)} is not a table of inputs`, value, expected);
  }
  const names = Object.keys(record);
  if (names.length > INPUTS_MAX) {
    issues.add(path, {
      message: 'there are too many inputs',
      found: String(names.length),
      expected: `at most ${INPUTS_MAX}`,
    });
    return undefined;
  }
  return names.flatMap((name) => {
    const element = fieldOf(record, name);
    if (element === undefined) return [];
    const at = fieldPath(path, name);
    const nameIsGood = checkInputName(name, at, issues);
    const input = readInput(name, element, at, issues);
    return nameIsGood && input !== undefined ? [input] : [];
  });
};

const readStages: Reader<ReadStage[]> = (value, path, issues) => {
  if (!Array.isArray(value)) {
    return wrong(issues, path, 'stages is not a list', value, 'a list of stages');
  }
  if (value.length === 0) {
    issues.add(path, { message: 'stages is empty', expected: 'at least one stage' });
    return undefined;
  }
  if (value.length > STAGES_MAX) {
    issues.add(path, {
      message: 'there are too many stages',
      found: String(value.length),
      expected: `at most ${STAGES_MAX}`,
    });
    return undefined;
  }
  const needs = value.reduce<number>((sum, stage) => sum + countNeeds(stage), 0);
  if (needs > NEEDS_MAX) {
    issues.add(path, {
      message: 'the stages have too many needs in all',
      found: String(needs),
      expected: `at most ${NEEDS_MAX}`,
    });
    return undefined;
  }
  const stages = value.map((element, index) => readStage(element, itemPath(path, index), issues));
  checkStageGraph(stages, issues);
  return stages;
};

function countNeeds(stage: LuaValue): number {
  const record = asRecord(stage);
  const needs = record === undefined ? undefined : fieldOf(record, 'needs');
  return Array.isArray(needs) ? needs.length : 0;
}
