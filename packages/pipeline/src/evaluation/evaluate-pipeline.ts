// Runs a pipeline file and makes a definition of what it returns, or the list of its mistakes.
import {
  asRecord,
  type LuaEngine,
  type LuaEvaluation,
  LuaFunction,
  type LuaHost,
  type LuaLimits,
  type LuaModuleSpec,
  type LuaProgram,
  type LuaVm,
  type SourcePosition,
} from '@rivet/lua';
import type { DefinitionIssue, PipelineBundle, PipelineDefinition } from '@rivet/protocol';
import { checkBundle } from '../bundle/check-bundle.ts';
import { byLine } from '../definition/issue-list.ts';
import { fieldOf } from '../definition/read-fields.ts';
import { showValue } from '../definition/show-value.ts';
import { type PipelineFunctions, validateDefinition } from '../definition/validate-definition.ts';
import { knownPlugins, type PluginSearch } from '../plugins/known-plugins.ts';
import type { PluginManifest } from '../plugins/plugin-manifest.ts';
import { checkInLua } from './check-in-lua.ts';
import { definitionModules } from './definition-modules.ts';
import { luaFailureIssue } from './lua-failure.ts';

export interface EvaluationOptions {
  /** The host modules that a script sees besides `pipeline`: the engine's `coreModules()`. */
  readonly modules: readonly LuaModuleSpec[];
  /** Global functions that are aliases of module functions, such as `print`. */
  readonly globals?: Readonly<Record<string, string>>;
  /**
   * Performs the host calls of stage functions later on; while evaluating, every call is refused.
   */
  readonly host?: LuaHost;
  /** What host calls are taken to be answered with; see `LuaProgram.expected`. */
  readonly expected?: LuaProgram['expected'];
  /** Those of creation (`CREATION_LIMITS`) when absent. */
  readonly limits?: LuaLimits;
  /** `math.random` is seeded from it. */
  readonly seed?: string;
  /** What `os.getenv` answers. */
  readonly env?: Readonly<Record<string, string>>;
  /** Where the bundle's plugins were looked for, to say so about one that is missing. */
  readonly pluginSearch?: PluginSearch | undefined;
}

/** What a pipeline file may use while it is only looked at: 2 s of CPU, 64 MB. */
export const CREATION_LIMITS: LuaLimits = { cpuMs: 2000, memoryBytes: 64 * 1024 * 1024 };

export type EvaluatedPipeline =
  | {
      readonly ok: true;
      readonly definition: PipelineDefinition;
      readonly functions: PipelineFunctions;
      /** Open; whoever asked for it closes it. */
      readonly vm: LuaVm;
      /** Matches texts against Lua patterns: see `LuaRules`. */
      readonly matchAll: LuaFunction;
      /** What the plugins of the bundle say of themselves, by name. */
      readonly plugins: readonly PluginManifest[];
    }
  | { readonly ok: false; readonly issues: DefinitionIssue[] };

/**
 * Runs the pipeline file and validates what it returns. A Lua error or a reached limit is an issue
 * too. The VM is closed unless the pipeline is valid.
 * @throws RIVET_PIPELINE_BUNDLE_INVALID, RIVET_PIPELINE_TOO_LARGE, and whatever is no fault of the
 * file
 */
export async function evaluatePipeline(
  engine: LuaEngine,
  bundle: PipelineBundle,
  options: EvaluationOptions,
): Promise<EvaluatedPipeline> {
  checkBundle(bundle);
  const limits = options.limits ?? CREATION_LIMITS;
  const vm = await engine.open(programOf(bundle, options), options.host ?? REFUSING_HOST, limits);
  let keep = false;
  try {
    const evaluated = await evaluateIn(vm, bundle, options);
    keep = evaluated.ok;
    return evaluated;
  } catch (error) {
    const issue = luaFailureIssue(error, bundle.files);
    if (issue === undefined) throw error;
    return { ok: false, issues: [issue] };
  } finally {
    if (!keep) void vm.close();
  }
}

export type CheckedPipeline =
  | { readonly ok: true; readonly definition: PipelineDefinition }
  | { readonly ok: false; readonly issues: DefinitionIssue[] };

/**
 * `evaluatePipeline` for creation and `rivet check`: closes the VM, whose process ends while the
 * result is used. `LuaEngine.close` waits for it.
 */
export async function checkPipeline(
  engine: LuaEngine,
  bundle: PipelineBundle,
  options: EvaluationOptions,
): Promise<CheckedPipeline> {
  const evaluated = await evaluatePipeline(engine, bundle, options);
  if (!evaluated.ok) return evaluated;
  void evaluated.vm.close();
  return { ok: true, definition: evaluated.definition };
}

/**
 * The VM itself refuses host calls while evaluating; this is for functions called without a host.
 */
const REFUSING_HOST: LuaHost = {
  call: async ({ name }) => {
    throw new Error(`${name} cannot be called here: nothing runs yet`);
  },
};

/** The program that a pipeline file is. */
export function programOf(bundle: PipelineBundle, options: EvaluationOptions): LuaProgram {
  const own = definitionModules(bundle, moduleNames(options));
  const names = new Set(own.map((module) => module.name));
  return {
    main: bundle.main,
    files: new Map(Object.entries(bundle.files)),
    modules: [...own, ...options.modules.filter((module) => !names.has(module.name))],
    seed: options.seed ?? '',
    env: options.env ?? {},
    ...(options.globals === undefined ? {} : { globals: options.globals }),
    ...(options.expected === undefined ? {} : { expected: options.expected }),
  };
}

function moduleNames({ modules }: EvaluationOptions): string[] {
  return modules.map(({ name }) => name);
}

/** Where `pipeline.define` puts the author's table, as `LuaEvaluation` writes paths. */
const DEFINITION_PATH = '1.definition';

async function evaluateIn(
  vm: LuaVm,
  bundle: PipelineBundle,
  options: EvaluationOptions,
): Promise<EvaluatedPipeline> {
  const evaluation = await vm.evaluate();
  const returned = readReturned(evaluation, bundle);
  if ('issue' in returned) return { ok: false, issues: [returned.issue] };
  const sources = { positions: definitionPositions(evaluation.positions), files: bundle.files };
  const { matchAll } = returned;
  const known = knownPlugins(bundle, returned.plugins, moduleNames(options), options.pluginSearch);
  const { definition, functions, ...validated } = validateDefinition(
    returned.definition,
    sources,
    known,
  );
  const issues = [
    ...known.issues,
    ...validated.issues,
    ...(await checkInLua(vm, matchAll, validated.luaChecks, sources)),
  ];
  if (definition === undefined || functions === undefined || issues.length > 0) {
    return { ok: false, issues: issues.sort(byLine) };
  }
  const plugins = [...known.plugins.values()].map(({ manifest }) => manifest);
  return { ok: true, definition, functions, vm, matchAll, plugins };
}

type Returned =
  | {
      readonly definition: LuaEvaluation['values'][number];
      readonly matchAll: LuaFunction;
      readonly plugins: LuaEvaluation['values'][number];
    }
  | { readonly issue: DefinitionIssue };

/** What the file returned, which must be what `pipeline.define` or `build()` gave it. */
function readReturned({ values }: LuaEvaluation, bundle: PipelineBundle): Returned {
  const [value = null] = values;
  const record = asRecord(value);
  const matchAll = record === undefined ? undefined : fieldOf(record, 'match_all');
  if (record !== undefined && values.length === 1 && matchAll instanceof LuaFunction) {
    const definition = fieldOf(record, 'definition') ?? null;
    return { definition, matchAll, plugins: fieldOf(record, 'plugins') ?? null };
  }
  const builder = record !== undefined && fieldOf(record, 'builder without build()') === true;
  const found = values.length > 1 ? `${values.length} values` : showValue(value);
  return {
    issue: {
      path: '',
      message: builder
        ? 'the file returns a builder that was not built'
        : `the file returns ${values.length === 0 ? 'nothing' : 'no pipeline'}`,
      ...(values.length === 0 || builder ? {} : { found }),
      expected: builder
        ? 'return …:build() at the end'
        : 'return pipeline.define({ … }) at the end of the file',
      file: bundle.main,
    },
  };
}

function definitionPositions(
  positions: ReadonlyMap<string, SourcePosition>,
): ReadonlyMap<string, SourcePosition> {
  const own = new Map<string, SourcePosition>();
  for (const [path, position] of positions) {
    if (!path.startsWith(DEFINITION_PATH)) continue;
    own.set(path.slice(DEFINITION_PATH.length).replace(/^\./, ''), position);
  }
  return own;
}
