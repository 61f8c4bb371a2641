// The pipeline file as a running program: evaluated once, again when its process was lost.
import { RivetError } from '@rivet/base';
import type { LuaHost, LuaVm } from '@rivet/lua';
import {
  diffDefinitions,
  evaluatePipeline,
  type PipelineFunctions,
  pipelineInvalid,
} from '@rivet/pipeline';
import type { PipelineDefinition } from '@rivet/protocol';
import type { JobHost, JobSpec } from './job.ts';
import { jobFields } from './modules/job.ts';
import { coreModules, expectedAnswers, globalAliases } from './modules/registry.ts';

export interface Script {
  readonly definition: PipelineDefinition;
  readonly functions: PipelineFunctions;
  readonly vm: LuaVm;
}

/**
 * Evaluates the file of a job.
 * @throws RIVET_PIPELINE_INVALID, RIVET_JOB_DEFINITION_CHANGED, and what starting a Lua process
 *   raises
 */
export async function openScript(
  spec: JobSpec,
  host: JobHost,
  calls: LuaHost,
  startedAtMs: number,
): Promise<Script> {
  const evaluated = await evaluatePipeline(host.lua, spec.bundle, {
    modules: coreModules(jobFields(spec, startedAtMs)),
    globals: globalAliases,
    host: calls,
    ...(host.runAhead === true ? { expected: expectedAnswers } : {}),
    limits: host.limits.lua,
    seed: spec.id,
  });
  if (!evaluated.ok) throw pipelineInvalid(evaluated.issues);
  const { definition, functions, vm } = evaluated;
  const differences =
    spec.definition === undefined ? [] : diffDefinitions(spec.definition, definition);
  if (differences.length > 0) {
    await vm.close();
    throw RivetError.of('RIVET_JOB_DEFINITION_CHANGED', { difference: differences.join('\n') });
  }
  return { definition, functions, vm };
}

/** The script of a job, replaced by a fresh one when its process was lost. */
export interface ScriptHolder {
  /** @throws like `openScript` */
  current(): Promise<Script>;
  /** Nothing of it runs any more then; memory of its processes is taken back a little later. */
  end(): Promise<void>;
}

export function createScriptHolder(open: () => Promise<Script>): ScriptHolder {
  let script: Promise<Script> | undefined;
  const opened: LuaVm[] = [];
  const fresh = (): Promise<Script> => {
    script = open().then((started) => {
      opened.push(started.vm);
      return started;
    });
    return script;
  };
  return {
    async current() {
      const before = script ?? fresh();
      const started = await before;
      if (started.vm.running) return started;
      // Another stage may have begun a fresh one meanwhile.
      return await (script === before ? fresh() : this.current());
    },
    async end() {
      await script?.catch(() => {});
      for (const each of opened) each.end();
    },
  };
}
