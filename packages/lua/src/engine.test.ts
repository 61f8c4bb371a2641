// The engine: one process a program, one kept ready, none left behind.
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { childProcesses } from '@rivet/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createLuaEngine } from './engine.ts';
import { LIMITS } from './test-program.ts';
import type { LuaFunction } from './values.ts';
import type { HostCall, LuaEngine, LuaProgram, LuaVm } from './vm.ts';

function engineForTest(): LuaEngine {
  const engine = createLuaEngine({ memoryBytesMax: LIMITS.memoryBytes, keepReady: false });
  onTestFinished(() => engine.close());
  return engine;
}

function programOf(source: string, functions: readonly string[] = ['wait']): LuaProgram {
  return {
    main: 'main.lua',
    files: new Map([['main.lua', source]]),
    modules: [{ name: 'host', functions }],
    seed: '',
    env: {},
  };
}

/** Opens a program and tells the id of its process. */
async function openWithPid(
  source: string,
  call: (call: HostCall) => Promise<readonly never[]> = async () => [],
): Promise<{ vm: LuaVm; pid: number }> {
  const before = new Set(childProcesses());
  const vm = await engineForTest().open(programOf(source), { call }, LIMITS);
  const [pid] = childProcesses().filter((child) => !before.has(child));
  if (pid === undefined) throw new Error('no process was started');
  return { vm, pid };
}

describe('a Lua process', () => {
  test('has no environment, no directory and no descriptor that it does not need', async () => {
    const { pid } = await openWithPid('return 1');
    expect(readFileSync(`/proc/${pid}/environ`, 'latin1')).not.toMatch(/PATH|HOME|DATABASE|TOKEN/);
    expect(readlinkSync(`/proc/${pid}/cwd`)).toBe('/');
    const targets = readdirSync(`/proc/${pid}/fd`).map((fd) =>
      readlinkSync(`/proc/${pid}/fd/${fd}`),
    );
    expect(
      targets.filter((target) => target.startsWith('/') && !target.startsWith('/dev/null')),
    ).toEqual([]);
    expect(readFileSync(`/proc/${pid}/limits`, 'latin1')).toMatch(/Max data size\s+\d+/);
  });

  test('that is killed rejects the calls under way, and later ones, with the reason', async () => {
    const { vm, pid } = await openWithPid(
      'return function() return host.wait() end',
      () => new Promise(() => {}),
    );
    const [fn] = (await vm.evaluate()).values;
    const waiting = vm.call(fn as LuaFunction, [], { branch: 'a' });
    process.kill(pid, 'SIGKILL');
    await expect(waiting).rejects.toMatchObject({
      code: 'RIVET_LUA_PROCESS',
      message: 'the Lua process failed: it ended with SIGKILL',
    });
    await expect(vm.evaluate()).rejects.toMatchObject({ code: 'RIVET_LUA_PROCESS' });
    await vm.close();
  });

  test('that was stopped can be closed', async () => {
    const { vm, pid } = await openWithPid('return 1');
    process.kill(pid, 'SIGSTOP');
    await vm.close();
    expect(childProcesses()).not.toContain(pid);
  });
});

describe('close', () => {
  test('of a program rejects what is under way, is safe twice and leaves no process', async () => {
    const { vm, pid } = await openWithPid(
      'return function() return host.wait() end',
      () => new Promise(() => {}),
    );
    const [fn] = (await vm.evaluate()).values;
    const waiting = vm.call(fn as LuaFunction, [], { branch: 'a' });
    const rejected = expect(waiting).rejects.toMatchObject({ code: 'RIVET_LUA_CLOSED' });
    await Promise.all([vm.close(), vm.close()]);
    await rejected;
    await expect(vm.evaluate()).rejects.toMatchObject({ code: 'RIVET_LUA_CLOSED' });
    expect(childProcesses()).not.toContain(pid);
  });

  test('of the engine closes its programs and the process that was ready', async () => {
    const before = childProcesses().length;
    const engine = createLuaEngine({ memoryBytesMax: LIMITS.memoryBytes });
    const host = { call: async () => [] };
    const vm = await engine.open(programOf('return 1'), host, LIMITS);
    expect((await vm.evaluate()).values).toEqual([1]);
    await engine.close();
    expect(childProcesses().length).toBe(before);
    await expect(vm.evaluate()).rejects.toMatchObject({ code: 'RIVET_LUA_CLOSED' });
    await expect(engine.open(programOf(''), host, LIMITS)).rejects.toMatchObject({
      code: 'RIVET_LUA_CLOSED',
    });
  });

  test('while a host call is answered late changes nothing', async () => {
    let answer = (_: readonly never[]): void => {};
    const { vm } = await openWithPid(
      'return function() return host.wait() end',
      () => new Promise((resolve) => (answer = resolve)),
    );
    const [fn] = (await vm.evaluate()).values;
    const waiting = vm.call(fn as LuaFunction, [], { branch: 'a' });
    const rejected = expect(waiting).rejects.toMatchObject({ code: 'RIVET_LUA_CLOSED' });
    await vm.close();
    answer([]);
    await rejected;
  });
});

describe('open', () => {
  test('gives a program more memory than the ready process has when it may use it', async () => {
    const engine = engineForTest();
    const limits = { cpuMs: 5000, memoryBytes: 160 * 1024 * 1024 };
    const vm = await engine.open(
      programOf('return #("x"):rep(4e7)'),
      { call: async () => [] },
      limits,
    );
    expect((await vm.evaluate()).values).toEqual([4e7]);
  });

  test('refuses fields that Lua has no value for', async () => {
    const program = programOf('return 1');
    const modules = [{ name: 'job', functions: [], fields: { id: Symbol('x') as never } }];
    await expect(
      engineForTest().open({ ...program, modules }, { call: async () => [] }, LIMITS),
    ).rejects.toMatchObject({ code: 'RIVET_LUA_VALUE', details: { path: 'job.id' } });
  });
});

test('programs that are opened together start one process in each turn of the event loop', async () => {
  const turnsOfStarts: number[] = [];
  let turn = 0;
  const noteStart = (): void => void turnsOfStarts.push(turn);
  subscribe('child_process', noteStart);
  let immediate = setImmediate(function next() {
    turn += 1;
    immediate = setImmediate(next);
  });
  onTestFinished(() => {
    unsubscribe('child_process', noteStart);
    clearImmediate(immediate);
  });
  const engine = engineForTest();
  const open = () => engine.open(programOf('return 1'), { call: async () => [] }, LIMITS);
  await Promise.all([open(), open(), open(), open()]);
  expect(turnsOfStarts).toHaveLength(4);
  expect(new Set(turnsOfStarts).size).toBe(4);
});
