// What a Lua process foresees reaches the host, and nothing else does that calls itself foreseen.
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import type { LuaPeer, LuaProcessListener } from './lua-process.ts';
import { ProcessVm } from './process-vm.ts';
import { closeEngine, LIMITS, testEngine } from './test-program.ts';
import type { LuaFunction, LuaValue } from './values.ts';
import type { HostCall, LuaHost, LuaProgram } from './vm.ts';

afterAll(closeEngine);

const program: LuaProgram = {
  main: 'main.lua',
  files: new Map([['main.lua', 'return function()\n task.run(1)\n task.run("two")\nend, type']]),
  modules: [{ name: 'task', functions: ['run'] }],
  seed: 'seed',
  env: {},
  expected: { 'task.run': { fields: { exit_code: 0 }, integers: [] } },
};

test('a host is told the next call while the one before it is under way', async () => {
  const { promise: told, resolve: tell } = Promise.withResolvers<HostCall>();
  const calls: HostCall[] = [];
  const host: LuaHost = {
    async call(call) {
      calls.push(call);
      if (calls.length === 1) await told;
      return [{ exit_code: 0 }];
    },
    foreseen(call) {
      tell(call);
      throw new Error('of no matter');
    },
  };
  const vm = await testEngine().open(program, host, LIMITS);
  const [fn] = (await vm.evaluate()).values;
  await vm.call(fn as LuaFunction, [], { branch: 'main' });
  expect(calls[1]).toEqual(await told);
  expect(await told).toEqual({
    branch: 'main',
    sequence: 2,
    name: 'task.run',
    args: ['two'],
    position: { file: 'main.lua', line: 3, column: 2 },
  });
  await vm.close();
});

test('and is told once, whatever else runs until then', async () => {
  const { promise: told, resolve: tell } = Promise.withResolvers<HostCall>();
  const others: Promise<unknown>[] = [];
  const host: LuaHost = {
    async call({ sequence }) {
      if (sequence > 1) return [];
      await told;
      for (const branch of ['a', 'b']) others.push(vm.call(other as LuaFunction, [1], { branch }));
      await Promise.all(others);
      return [];
    },
    foreseen: tell,
  };
  const vm = await testEngine().open(program, host, LIMITS);
  const [fn, other] = (await vm.evaluate()).values;
  await vm.call(fn as LuaFunction, [], { branch: 'main' });
  expect(others).toHaveLength(2);
  await vm.close();
});

describe('a process that says that it foresees', () => {
  const host = {
    type: 'host',
    call: 1,
    branch: 'b',
    sequence: 3,
    name: 'a.b',
    args: [],
    place: null,
  };
  const next = {
    type: 'foreseen',
    branch: 'b',
    sequence: 4,
    name: 'task.run',
    args: [1],
    place: null,
  };

  test('a call after one that is under way is believed', () => {
    expect(hear([host, next])).toMatchObject({ told: [{ sequence: 4, args: [1] }], failed: [] });
  });

  test.each([
    ['a call that is not expected', [host, { ...next, name: 'a.b' }]],
    ['a second call', [host, next, next]],
    ['another call than the next', [host, { ...next, sequence: 5 }]],
    ['a large call', [host, { ...next, args: ['x'.repeat(64 * 1024)] }]],
    ['what is no value', [host, { ...next, args: [{ x: 1 }] }]],
  ])('%s is stopped', (_, messages) => {
    const { told, failed } = hear(messages);
    expect(failed).toHaveLength(1);
    expect(told.length).toBe(messages.length - 2);
  });

  test('a call after one that is answered, or of no branch, tells nothing new', async () => {
    expect(hear([next])).toMatchObject({ told: [], failed: [] });
    const heard = hear([host], [{}]);
    await new Promise(setImmediate);
    heard.say(next);
    expect(heard).toMatchObject({ told: [], failed: [] });
  });
});

/** What becomes of messages of a process; its calls are answered with `values`, or never. */
function hear(messages: readonly object[], values?: readonly LuaValue[]) {
  const told: HostCall[] = [];
  const failed: string[] = [];
  let listener: LuaProcessListener | undefined;
  const peer: LuaPeer = {
    pid: undefined,
    attach: (given) => {
      listener = given;
    },
    sendFrame: () => undefined,
    fail: (reason) => {
      failed.push(reason);
    },
    kill: () => undefined,
    exited: async () => undefined,
  };
  const host: LuaHost = {
    call: () => (values === undefined ? new Promise(() => undefined) : Promise.resolve(values)),
    foreseen: (call) => {
      told.push(call);
    },
  };
  const vm = new ProcessVm(peer, program, host, LIMITS, undefined);
  const say = (message: object) =>
    listener?.message(message, Buffer.byteLength(JSON.stringify(message)));
  for (const message of messages) say(message);
  onTestFinished(() => vm.end());
  return { told, failed, say };
}
