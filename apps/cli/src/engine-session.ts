// The Lua engine of one command: opened when it is first needed, closed when the command is done.
import { coreModules, globalAliases } from '@rivet/engine';
import { createLuaEngine, type LuaEngine } from '@rivet/lua';
import {
  type CheckedPipeline,
  checkPipeline,
  createInputChecker,
  type EvaluationOptions,
  type InputChecker,
} from '@rivet/pipeline';
import type { PipelineBundle, PipelineDefinition } from '@rivet/protocol';

/** What a script sees besides `pipeline`: the modules of the engine, whose calls are refused here. */
function evaluationOptions(): EvaluationOptions {
  return { modules: coreModules(), globals: globalAliases };
}

/** Checks inputs of one pipeline; opens a Lua engine only when a question needs one. */
export interface InputSession {
  readonly checker: () => InputChecker;
  readonly close: () => Promise<void>;
}

/** The inputs of a pipeline that lives on the server. */
export function createInputSession(
  bundle: PipelineBundle,
  definition: PipelineDefinition,
): InputSession {
  let engine: LuaEngine | undefined;
  let checker: InputChecker | undefined;
  return {
    checker() {
      engine ??= createLuaEngine();
      checker ??= createInputChecker(engine, bundle, definition, evaluationOptions());
      return checker;
    },
    async close() {
      await checker?.close();
      await engine?.close();
    },
  };
}

/** Evaluates a bundle and says what is wrong with it; every process it started is gone afterwards. */
export async function checkBundleOnce(bundle: PipelineBundle): Promise<CheckedPipeline> {
  const engine = createLuaEngine();
  try {
    return await checkPipeline(engine, bundle, evaluationOptions());
  } finally {
    await engine.close();
  }
}
