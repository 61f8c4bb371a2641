// Generated programs print the same in Rivet's sandbox and in Debian's lua5.3; where they differ on
// purpose, the list of differences says so, and each entry is shown.
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { compare, describeDifference, shrink } from './compare.ts';
import { DELIBERATE } from './deliberate.ts';
import { renderLuaDifferences } from './differences-page.ts';
import { programOf } from './program.ts';
import { readDriver, runInLua } from './reference.ts';
import { Sandbox } from './sandbox.ts';

const PROGRAMS = 22_000;
const BATCH = 500;
const SHOWN_MAX = 5;
/** Another part of the space: RIVET_DIFFERENTIAL_SEED=123456 */
const FIRST_SEED = Number(process.env.RIVET_DIFFERENTIAL_SEED ?? 0);

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = new Sandbox(await readDriver());
});
afterAll(() => sandbox.close());

test(`${PROGRAMS} generated programs print what they print in Lua 5.3`, {
  timeout: 300_000,
}, async () => {
  const reports: string[] = [];
  for (let seed = FIRST_SEED; seed < FIRST_SEED + PROGRAMS; seed += BATCH) {
    const programs = Array.from({ length: BATCH }, (_, i) => programOf(seed + i));
    for (const difference of await compare(programs, sandbox)) {
      if (reports.length < SHOWN_MAX) {
        reports.push(describeDifference(await shrink(difference, sandbox)));
      }
    }
  }
  expect(reports.join('\n\n')).toBe('');
});

test('the comparison sees a difference, and shrinks the program to it', async () => {
  const program = {
    seed: 0,
    topic: 'none',
    units: ['print("same")', 'print(1)\nprint(-(0/0) .. "")\nprint(math.maxinteger)', 'print(2)'],
  };
  const [difference, ...others] = await compare([program], sandbox);
  expect(others).toEqual([]);
  const small = await shrink(difference!, sandbox);
  expect(small.source.replaceAll(/\b(do|end)\n?/g, '').trim()).toBe('print(math.maxinteger)');
  expect(describeDifference(small)).toContain(
    'lua5.3: 9223372036854775807\n  rivet:  9007199254740991',
  );
});

test('a program that is ended by a limit fails alone', async () => {
  const limits = { cpuMs: 300, memoryBytes: 64 * 1024 * 1024 };
  const narrow = new Sandbox(await readDriver(), limits);
  onTestFinished(() => narrow.close());
  const outputs = await narrow.run(['print(1)', 'while true do end', 'print(2)']);
  expect(outputs).toEqual(['1', expect.stringContaining('computed for more than 300ms'), '2']);
});

describe('a deliberate difference:', () => {
  test.each(DELIBERATE)('$title', async ({ source, lua, rivet }) => {
    const [theirs] = await runInLua([source]);
    const [ours] = await sandbox.run([source]);
    expect(ours).toBe(rivet);
    if (lua !== undefined) expect(theirs).toBe(lua);
    expect(theirs).not.toBe(rivet);
  });

  test('is on the page', async () => {
    const page = new URL('../../../docs/reference/lua-differences.md', import.meta.url);
    expect(await readFile(page, 'utf8'), 'run npm run docs').toBe(renderLuaDifferences());
  });
});
