// The hostile corpus: every script ends as it must, within its budget, at creation and in a stage;
// what each took is printed. And nobody else notices.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { watchTimers } from '@rivet/testing';
import { afterAll, describe, expect, test } from 'vitest';
import { createLuaEngine } from '../src/engine.ts';
import type { LuaFunction } from '../src/values.ts';
import { CORPUS } from './corpus.ts';
import type { HostileScript } from './hostile-script.ts';
import { limitsOf, type Outcome, runScript } from './run-script.ts';

const MEGABYTE = 1024 * 1024;
/** What a process may use beyond its limit of CPU time before it ends, in milliseconds. */
const CPU_MARGIN_MS = 1000;
/** A machine under load: this only tells an end from none. */
const TOOK_MS_MAX = 60_000;
/** For tests that run several scripts, one after the other. */
const LONG = { timeout: 300_000 };

const engine = createLuaEngine({ memoryBytesMax: 64 * MEGABYTE });
/** For scripts that end by themselves: the next one runs in the same process, which is quicker. */
const reusing = createLuaEngine({ memoryBytesMax: 64 * MEGABYTE, reuseProcesses: true });
const rows: string[] = [];
afterAll(async () => {
  await Promise.all([engine.close(), reusing.close()]);
  process.stdout.write(`${[HEADER, ...rows.sort()].join('\n')}\n`);
});

const phases = ['creation', 'execution'] as const;
const HEADER = 'hostile scripts: end, CPU time, peak memory above the idle process';

describe.each(Object.entries(CORPUS))('%s:', (group, scripts) => {
  const cases = scripts.flatMap((script) =>
    phases
      .filter((phase) => script.phase === undefined || script.phase === phase)
      .map((phase) => ({ name: script.name, phase, script })),
  );
  test.concurrent.each(cases)(
    '$name, at $phase',
    { timeout: 2 * TOOK_MS_MAX },
    async ({ name, phase, script }) => {
      const isEnded = 'codes' in script.expected;
      const outcome = await runScript(isEnded ? engine : reusing, script, phase);
      rows.push(`${group}: ${name}, ${phase}: ${measured(outcome)}`);
      expectEnd(script, outcome);
      const limits = limitsOf(script);
      expect(outcome.cpuMs).toBeLessThan(limits.cpuMs + CPU_MARGIN_MS);
      expect(outcome.tookMs).toBeLessThan(TOOK_MS_MAX);
      expect(outcome.peakBytes).toBeLessThan(hardBytesOf(limits.memoryBytes));
    },
  );
});

test('the corpus has at least 150 scripts, each with a name of its own', () => {
  const names = Object.values(CORPUS).flatMap((scripts) => scripts.map(({ name }) => name));
  expect(names.length).toBeGreaterThanOrEqual(150);
  expect(new Set(names).size).toBe(names.length);
});

test('the program after a hostile one sees nothing of it', async () => {
  const poison: HostileScript = {
    name: 'poison',
    source:
      'pcall(function() getmetatable("").__index = function() return 1 end end) pcall(rawset, string, "rep", nil) string = nil print = nil _G.leak = 1 while true do end',
    expected: { codes: ['RIVET_LUA_CPU_LIMIT'] },
  };
  const clean: HostileScript = {
    name: 'clean',
    source: 'return leak == nil, ("x"):rep(2), type(string.rep), ("x").missing == nil',
    expected: { values: [true, 'xx', 'function', true] },
  };
  expectEnd(poison, await runScript(engine, poison, 'creation'));
  expectEnd(clean, await runScript(engine, clean, 'creation'));
});

test(
  'other programs and the timers of this process keep their pace while scripts burn',
  LONG,
  async () => {
    const idle = await paceOf(0);
    const burning = await paceOf(2);
    process.stdout.write(
      `host calls a second: ${idle.callsPerSecond} alone, ${burning.callsPerSecond} beside two hostile scripts; ` +
        `timers kept waiting for at most ${idle.heldMs} ms, ${burning.heldMs} ms\n`,
    );
    expect(burning.finished).toBe(true);
    // A lease is reported every few seconds.
    expect(burning.heldMs).toBeLessThan(1000);
    // The scripts burn for a second and a half, in which there are 75 where nothing else is done.
    expect(burning.ticks).toBeGreaterThan(10);
  },
);

test(
  'the memory of this process grows by at most 10 MB while scripts attack it',
  LONG,
  async () => {
    const heavy = /megabytes|too many values|kept|contains itself|flood/;
    const scripts = [...(CORPUS['host calls'] ?? []), ...(CORPUS.errors ?? [])].filter(
      ({ name, phase }) => heavy.test(name) && phase !== 'creation',
    );
    const attack = async (): Promise<void> => {
      for (const script of scripts) await runScript(engine, script, 'execution');
    };
    // The first round makes room that later ones use again.
    await attack();
    const before = settledMemory();
    await attack();
    await attack();
    const after = settledMemory();
    const held = (after.held - before.held) / MEGABYTE;
    const resident = (after.resident - before.resident) / MEGABYTE;
    process.stdout.write(
      `memory of the engine's process after ${2 * scripts.length} scripts: ` +
        `${held.toFixed(1)} MB more held, ${resident.toFixed(1)} MB more resident\n`,
    );
    expect(held).toBeLessThan(10);
    // What V8 and the allocator keep for later comes and goes with the load of the machine.
    expect(resident).toBeLessThan(32);
  },
);

/** Memory of this process without garbage: what it holds, and what is resident. */
function settledMemory(): { held: number; resident: number } {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  collect();
  const { heapUsed, external, rss } = process.memoryUsage();
  return { held: heapUsed + external, resident: rss };
}

function expectEnd({ expected }: HostileScript, { error, values }: Outcome): void {
  if ('values' in expected) {
    expect(error).toBeUndefined();
    expect(values).toEqual(expected.values);
    return;
  }
  const codes = 'codes' in expected ? expected.codes : [expected.code];
  expect(codes, `${error?.code}: ${error?.message}; returned ${values}`).toContain(error?.code);
  if (/_LIMIT$/.test(error?.code ?? '')) expect(error?.details.position).toBeDefined();
  if ('message' in expected) expect(error?.message).toMatch(expected.message);
}

/** What the kernel lets a Lua process have: docs/architecture.md, "Limits of a Lua process". */
function hardBytesOf(memoryBytes: number): number {
  return 1.5 * memoryBytes + 112 * MEGABYTE;
}

function measured({ error, cpuMs, tookMs, peakBytes }: Outcome): string {
  const end = error === undefined ? 'ended' : error.code.replace('RIVET_LUA_', '');
  return `${end}, ${cpuMs.toFixed(0)} ms CPU, ${tookMs.toFixed(0)} ms, ${(peakBytes / MEGABYTE).toFixed(0)} MB`;
}

/** How a program that makes host calls does beside so many hostile ones. */
async function paceOf(
  hostile: number,
): Promise<{ callsPerSecond: number; ticks: number; heldMs: number; finished: boolean }> {
  const burners = Array.from({ length: hostile }, async () => {
    const source = 'local s = "x" while true do s = (s .. "x"):sub(-1000) end';
    const script = { name: 'burner', source, expected: { codes: ['RIVET_LUA_CPU_LIMIT'] } };
    return runScript(engine, script, 'creation', { cpuMs: 1500, memoryBytes: 64 * MEGABYTE });
  });
  const files = new Map([['main.lua', 'return function() for i = 1, 500 do host.echo(i) end end']]);
  const modules = [{ name: 'host', functions: ['echo'] }];
  const vm = await engine.open(
    { main: 'main.lua', files, modules, seed: 'seed', env: {} },
    { call: async ({ args }) => args },
    { cpuMs: 5000, memoryBytes: 64 * MEGABYTE },
  );
  const [fn] = (await vm.evaluate()).values;
  const endWatch = watchTimers(20);
  const started = performance.now();
  await vm.call(fn as LuaFunction, [], { branch: 'main' });
  const seconds = (performance.now() - started) / 1000;
  const ends = await Promise.all(burners);
  const { ticks, heldMs } = endWatch();
  await vm.close();
  const finished = ends.every(({ error }) => error?.code === 'RIVET_LUA_CPU_LIMIT');
  return { callsPerSecond: Math.round(500 / seconds), ticks, heldMs: Math.round(heldMs), finished };
}
