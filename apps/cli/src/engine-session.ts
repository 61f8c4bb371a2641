// The Lua engine of one command: opened when it is first needed, closed when the command is done.
import { setImmediate } from 'node:timers/promises';
import type { ConditionForecast } from '@rivet/engine';
import type { LuaEngine } from '@rivet/lua';
import {
  type CheckedPipeline,
  checkPipeline,
  createInputChecker,
  type DescribedPlugin,
  describePlugin,
  type FoundPlugin,
  type InputChecker,
  type LintWarning,
  type PluginSearch,
  readLuaSurface,
  startLint,
} from '@rivet/pipeline';
import type { PipelineBundle, PipelineDefinition } from '@rivet/protocol';
import type { CommandContext } from './command.ts';
import { openLuaEngine } from './lua-engine.ts';
import type { PreparedJob } from './prepare-job.ts';
import { type ScriptSurroundings, surroundings } from './script-surroundings.ts';

/** Everything of a command that runs Lua shares one engine: starting one costs a process. */
export interface EngineSession {
  readonly lua: () => LuaEngine;
  /** Evaluates a bundle and says what is wrong with it; `search`: where its plugins are from. */
  check(bundle: PipelineBundle, search?: PluginSearch): Promise<CheckedPipeline>;
  /** Evaluates a plugin and says what it declares. */
  describe(plugin: FoundPlugin): Promise<DescribedPlugin>;
  /**
   * Evaluates a bundle, and says too what it does that is probably not meant. The two happen at the
   * same time; nothing more can be asked of Lua afterwards.
   */
  checkAndLint(
    bundle: PipelineBundle,
    search: PluginSearch,
  ): Promise<{ checked: CheckedPipeline; warnings: LintWarning[] }>;
  /** Checks input values against the rules of a pipeline; one for the whole session. */
  checker(bundle: PipelineBundle, definition: PipelineDefinition): Promise<InputChecker>;
  /** What the conditions of the stages say with these inputs; nothing is started. */
  forecast(
    job: Pick<PreparedJob, 'bundle' | 'definition' | 'inputs' | 'missing'>,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, ConditionForecast>>;
  /** Ends every process it started. */
  close(): Promise<void>;
}

/** @param context of the command; its engine may have been opened already */
export function createEngineSession({
  build,
  env,
  lua: opened,
  definitionAhead,
}: Pick<CommandContext, 'build' | 'env' | 'lua' | 'definitionAhead'>): EngineSession {
  let engine = opened;
  let checker: InputChecker | undefined;
  const options = (): Promise<ScriptSurroundings> => surroundings(build);
  const lua = (): LuaEngine => {
    engine ??= openLuaEngine(env, definitionAhead === undefined ? undefined : 0);
    return engine;
  };
  return {
    lua,
    async check(bundle, pluginSearch) {
      const definition = await definitionAhead?.(bundle);
      if (definition !== undefined) return { ok: true, definition };
      return await checkPipeline(lua(), bundle, { ...(await options()), pluginSearch });
    },
    describe: async (plugin) => describePlugin(lua(), plugin, await options()),
    async checkAndLint(bundle, pluginSearch) {
      const given = await options();
      const checking = checkPipeline(lua(), bundle, { ...given, pluginSearch });
      // While the file is evaluated elsewhere, or asked for before it is.
      const surface = given.surface ?? (await readLuaSurface(lua(), given));
      const starting = setImmediate().then(() => startLint(bundle, surface));
      const [checked, finishLint] = await Promise.all([checking, starting]);
      return { checked, warnings: finishLint(checked.ok ? checked.definition : undefined) };
    },
    async checker(bundle, definition) {
      checker ??= createInputChecker(lua(), bundle, definition, await options());
      return checker;
    },
    async forecast({ bundle, definition, inputs, missing }, signal) {
      const { forecastConditions } = await import('@rivet/engine');
      return forecastConditions({ lua: lua(), bundle, definition, inputs, missing, signal });
    },
    async close() {
      await checker?.close();
      await engine?.close();
    },
  };
}
