// One process for several programs, one after the other: what stays of a program in the next one.
import { afterAll, expect, test } from 'vitest';
import { createLuaEngine } from './engine.ts';
import type { LuaHost, LuaProgram, LuaVm } from './vm.ts';

const engine = createLuaEngine({ reuseProcesses: true, keepReady: false });
afterAll(() => engine.close());

const LIMITS = { cpuMs: 500, memoryBytes: 64 * 1024 * 1024 };

function open(source: string, host: LuaHost = { call: async () => [] }): Promise<LuaVm> {
  const program: LuaProgram = {
    main: 'main.lua',
    files: new Map([['main.lua', source]]),
    modules: [{ name: 'host', functions: ['call'] }],
    seed: 'seed',
    env: {},
  };
  return engine.open(program, host, LIMITS);
}

async function returned(source: string): Promise<unknown> {
  const vm = await open(source);
  try {
    return (await vm.evaluate()).values[0];
  } finally {
    await vm.close();
  }
}

test('a global of one program is not there in the next', async () => {
  expect(await returned('leaked = 1 return leaked')).toBe(1);
  expect(await returned('return leaked == nil')).toBe(true);
});

test('random numbers begin anew in each program', async () => {
  const source = 'return math.random(1, 1000000)';
  expect(await returned(source)).toBe(await returned(source));
});

test('a program that was killed at its limit leaves no process to the next', async () => {
  await expect(returned('while true do end')).rejects.toMatchObject({
    code: 'RIVET_LUA_CPU_LIMIT',
  });
  expect(await returned('return 7')).toBe(7);
});

test('a program that is closed while a host call is under way is not mixed up with the next', async () => {
  const called = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<readonly []>();
  const vm = await open('return function() host.call() return "late" end', {
    call: () => {
      called.resolve();
      return answer.promise;
    },
  });
  const [fn] = (await vm.evaluate()).values;
  const ended = expect(vm.call(fn as never, [], { branch: '1' })).rejects.toMatchObject({
    code: 'RIVET_LUA_CLOSED',
  });
  await called.promise;
  await vm.close();
  await ended;
  expect(await returned('return "next"')).toBe('next');
  answer.resolve([]);
  expect(await returned('return "after"')).toBe('after');
});

test('a closed program answers nothing more', async () => {
  const vm = await open('return 1');
  await vm.close();
  expect(vm.running).toBe(false);
  await expect(vm.evaluate()).rejects.toMatchObject({ code: 'RIVET_LUA_CLOSED' });
});

test('a program that is closed again does not end the one that has its process now', async () => {
  const before = await open('return 1');
  await before.close();
  const now = await open('return 2');
  await before.close();
  before.end();
  expect((await now.evaluate()).values).toEqual([2]);
  await now.close();
});
