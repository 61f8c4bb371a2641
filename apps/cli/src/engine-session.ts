// The Lua engine of one command: opened when it is first needed, closed when the command is done.
import {
  type ConditionForecast,
  coreModules,
  forecastConditions,
  globalAliases,
} from '@rivet/engine';
import { createLuaEngine, type LuaEngine } from '@rivet/lua';
import {
  type CheckedPipeline,
  checkPipeline,
  createInputChecker,
  type DescribedPlugin,
  describePlugin,
  type EvaluationOptions,
  type FoundPlugin,
  type InputChecker,
  type LintWarning,
  lintBundle,
  type PluginSearch,
  readLuaSurface,
} from '@rivet/pipeline';
import type { PipelineBundle, PipelineDefinition } from '@rivet/protocol';
import type { PreparedJob } from './prepare-job.ts';

/** Everything of a command that runs Lua shares one engine: starting one costs a process. */
export interface EngineSession {
  readonly lua: () => LuaEngine;
  /** Evaluates a bundle and says what is wrong with it; `search`: where its plugins are from. */
  check(bundle: PipelineBundle, search?: PluginSearch): Promise<CheckedPipeline>;
  /** Evaluates a plugin and says what it declares. */
  describe(plugin: FoundPlugin): Promise<DescribedPlugin>;
  /** What a bundle does that is probably not meant; `definition` where it is valid. */
  lint(bundle: PipelineBundle, definition: PipelineDefinition | undefined): Promise<LintWarning[]>;
  /** Checks input values against the rules of a pipeline; one for the whole session. */
  checker(bundle: PipelineBundle, definition: PipelineDefinition): InputChecker;
  /** What the conditions of the stages say with these inputs; nothing is started. */
  forecast(
    job: Pick<PreparedJob, 'bundle' | 'definition' | 'inputs' | 'missing'>,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, ConditionForecast>>;
  /** Ends every process it started. */
  close(): Promise<void>;
}

export function createEngineSession(): EngineSession {
  let engine: LuaEngine | undefined;
  let checker: InputChecker | undefined;
  const lua = (): LuaEngine => {
    engine ??= createLuaEngine();
    return engine;
  };
  return {
    lua,
    check: (bundle, pluginSearch) =>
      checkPipeline(lua(), bundle, { ...evaluationOptions(), pluginSearch }),
    describe: (plugin) => describePlugin(lua(), plugin, evaluationOptions()),
    async lint(bundle, definition) {
      return lintBundle(bundle, {
        surface: await readLuaSurface(lua(), evaluationOptions()),
        definition,
      });
    },
    checker(bundle, definition) {
      checker ??= createInputChecker(lua(), bundle, definition, evaluationOptions());
      return checker;
    },
    forecast: ({ bundle, definition, inputs, missing }, signal) =>
      forecastConditions({ lua: lua(), bundle, definition, inputs, missing, signal }),
    async close() {
      await checker?.close();
      await engine?.close();
    },
  };
}

/**
 * What a script sees besides `pipeline`: the modules of the engine, whose calls are refused here.
 */
function evaluationOptions(): EvaluationOptions {
  return { modules: coreModules(), globals: globalAliases };
}
