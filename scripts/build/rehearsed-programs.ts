// What a Lua process evaluates once when its image is made: a pipeline as `rivet check` and a server
// evaluate it.
import { coreModules, expectedAnswers, globalAliases } from '../../packages/engine/src/index.ts';
import type { LuaEngine, LuaProgram } from '../../packages/lua/src/index.ts';
import { checkPipeline } from '../../packages/pipeline/src/index.ts';

/** A pipeline as people write them, without a warning. */
export const REHEARSED_PIPELINE = `
local stages = {}
for i = 1, 3 do
  stages[i] = {
    name = "stage-" .. i,
    needs = i > 1 and { "stage-" .. (i - 1) } or nil,
    timeout = "10m",
    condition = function() return input.get("branch") ~= "none" end,
    script = function()
      for step = 1, 2 do process.run({ "true" }) end
    end,
  }
end
return pipeline.define({
  name = "rehearsal",
  inputs = { branch = { type = "string", default = "main", pattern = "^%w+$" } },
  env = { CI = "true" },
  stages = stages,
})`;

class Rehearsed extends Error {}

/** The programs as the engine would open them. */
export async function rehearsedPrograms(): Promise<LuaProgram[]> {
  const programs: LuaProgram[] = [];
  const recorder: LuaEngine = {
    open: (program) => {
      programs.push(program);
      return Promise.reject(new Rehearsed());
    },
    close: async () => undefined,
  };
  const bundle = { main: 'pipeline.lua', files: { 'pipeline.lua': REHEARSED_PIPELINE } };
  const options = { modules: coreModules(), globals: globalAliases, expected: expectedAnswers };
  await checkPipeline(recorder, bundle, options).catch((error: unknown) => {
    if (!(error instanceof Rehearsed)) throw error;
  });
  if (programs.length === 0) throw new Error('no program was opened');
  return programs;
}
