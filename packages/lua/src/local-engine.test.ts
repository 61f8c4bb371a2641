// A program that was made before it was known is like one that was made for it.
import { expect, test } from 'vitest';
import { createLocalEngine } from './local-engine.ts';
import { LIMITS } from './test-program.ts';
import type { LuaProgram } from './vm.ts';

const source = `local copy = {}
for key in pairs(job) do copy[#copy + 1] = key end
local changed = pcall(function() job.id = "other" end)
return job.id, job.twice, os.getenv("PLACE"), math.random(1, 1000000), copy, changed`;

function programOf(id: number): LuaProgram {
  const trusted = 'local module = ...\nmodule.twice = type(module.id)';
  return {
    main: 'main.lua',
    files: new Map([['main.lua', source]]),
    modules: [{ name: 'job', functions: ['log'], facts: { id }, source: trusted }],
    seed: `seed ${id}`,
    env: { PLACE: `at ${id}` },
  };
}

async function evaluate(program: LuaProgram, first?: LuaProgram) {
  const engine = createLocalEngine((reason) => {
    throw new Error(reason);
  });
  const host = { call: async () => [] };
  if (first !== undefined) {
    const vm = await engine.open(first, host, LIMITS);
    await vm.evaluate();
    engine.prepare();
  }
  const vm = await engine.open(program, host, LIMITS);
  return (await vm.evaluate()).values;
}

test('a program that was prepared gets the facts, variables and seed of the one that comes', async () => {
  const alone = await evaluate(programOf(2));
  expect(alone.slice(0, 3)).toEqual([2, 'nil', 'at 2']);
  expect(alone.at(-1)).toBe(false);
  expect(await evaluate(programOf(2), programOf(1))).toEqual(alone);
  expect(await evaluate(programOf(1))).not.toEqual(alone);
});
