// Jobs find in the image what was made ready there.
import { expect, test } from 'vitest';
import { coreModules, globalAliases } from '../../packages/engine/src/index.ts';
import type { LuaEngine, LuaProgram } from '../../packages/lua/src/index.ts';
import { evaluatePipeline } from '../../packages/pipeline/src/index.ts';
import { rehearsedPrograms } from './rehearsed-programs.ts';

const JOB = {
  id: '0199',
  attempt: 2,
  pipeline: 'web',
  version: 7,
  launched_by: 'ann',
  event: 'manual',
  url: null,
  started_at: '2026-01-01T00:00:00Z',
  source: 'none',
} as const;

/** What the image is made ready for. */
function surroundings({ modules, globals }: LuaProgram) {
  return { modules: modules.map((module) => ({ ...module, facts: undefined })), globals };
}

test('a job of one file sees what a rehearsed program sees, but for facts, variables and seed', async () => {
  const opened: LuaProgram[] = [];
  const recorder: LuaEngine = {
    open: (program) => {
      opened.push(program);
      return Promise.reject(new Error('recorded'));
    },
    close: async () => undefined,
  };
  const bundle = { main: 'pipeline.lua', files: { 'pipeline.lua': 'return 1' } };
  const options = { modules: coreModules(JOB), globals: globalAliases, seed: '0199' };
  await expect(evaluatePipeline(recorder, bundle, options)).rejects.toThrow('recorded');
  const [program] = opened;
  expect(program?.modules.find(({ name }) => name === 'job')?.facts).toEqual(JOB);
  const [rehearsed] = await rehearsedPrograms();
  expect(program && surroundings(program)).toEqual(rehearsed && surroundings(rehearsed));
});
