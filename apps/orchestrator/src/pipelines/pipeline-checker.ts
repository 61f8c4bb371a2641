// Evaluates pipeline files and checks inputs, in Lua processes with the limits of creation.
import { createLimiter } from '@rivet/base';
import { coreModules, globalAliases } from '@rivet/engine';
import type { LuaEngine } from '@rivet/lua';
import {
  type CheckedPipeline,
  checkPipeline,
  createInputChecker,
  type InputCheck,
} from '@rivet/pipeline';
import type { PipelineBundle, PipelineDefinition } from '@rivet/protocol';

export interface PipelineChecker {
  /**
   * Validates a bundle; all its mistakes at once.
   * @throws RIVET_PIPELINE_BUNDLE_INVALID, RIVET_PIPELINE_TOO_LARGE
   */
  check(bundle: PipelineBundle): Promise<CheckedPipeline>;
  /**
   * Checks the inputs of each of some launches, defaults filled in; all mistakes at once. The
   * results are in their order.
   */
  checkAllInputs(
    bundle: PipelineBundle,
    definition: PipelineDefinition,
    inputs: readonly unknown[],
  ): Promise<InputCheck[]>;
}

/** Evaluations at the same time: each has a process of its own with 64 MB. */
const CONCURRENT_MAX = 4;

export function createPipelineChecker(engine: LuaEngine): PipelineChecker {
  const options = { modules: coreModules(), globals: globalAliases };
  const limited = createLimiter(CONCURRENT_MAX);
  return {
    check: (bundle) => limited(() => checkPipeline(engine, bundle, options)),
    checkAllInputs: (bundle, definition, inputs) =>
      limited(async () => {
        const checker = createInputChecker(engine, bundle, definition, options);
        const checks: InputCheck[] = [];
        try {
          for (const given of inputs) checks.push(await checker.check(given));
          return checks;
        } finally {
          await checker.close();
        }
      }),
  };
}
