// The page about performance names the benchmarks and the switches that there are, and no others.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const page = read('docs/performance.md');

const programs = {
  runner: 'apps/runner/src/config.ts',
  orchestrator: 'apps/orchestrator/src/config.ts',
  'all programs': 'apps/cli/bin/rivet',
} as const;

/** Setting and program of each row of the table of fast paths. */
const documented = [...page.matchAll(/^\| `(RIVET_[A-Z_]+)` \| ([a-z ]+) \| ([^|]+) \|/gm)].map(
  ([, setting = '', program = '', byDefault = '']) => ({ setting, program, byDefault }),
);

it('names every setting that turns a fast path on or off', () => {
  for (const [program, path] of Object.entries(programs)) {
    const switches = [
      ...read(path).matchAll(/\b(RIVET_[A-Z_]+): choiceSetting\('on', \['on', 'off'\]\)/g),
    ].map(([, setting]) => setting);
    const named = documented
      .filter((row) => row.program === program || row.program === 'all programs')
      .map((row) => row.setting);
    expect(named, program).toEqual(expect.arrayContaining(switches));
  }
});

it.each(documented)('$setting of $program is there, with its default', (row) => {
  const { setting, program } = row;
  const [, byDefault] = /^`(\w+)`$/.exec(row.byDefault) ?? [];
  const text = read(programs[program as keyof typeof programs]);
  expect(text, 'it is not read').toContain(setting);
  if (program === 'all programs' || byDefault === undefined) return;
  const place = text.slice(text.indexOf(setting), text.indexOf(setting) + 80);
  expect(place).toMatch(new RegExp(`\\('?${byDefault}'?[,)]`));
});

it('the tests that run without fast paths turn off all of them', () => {
  const turnedOff = [...read('e2e/fast-paths.ts').matchAll(/^ {4}(RIVET_[A-Z_]+):/gm)];
  const expected = documented.filter(({ program }) => program !== 'all programs');
  expect(turnedOff.map(([, setting]) => setting).sort()).toEqual(
    expected.map(({ setting }) => setting).sort(),
  );
});

it('says how to run every benchmark, and none that is not there', () => {
  const list = execFileSync(process.execPath, ['bench/src/main.ts', '--list'], { cwd: root });
  const names = list
    .toString()
    .split('\n')
    .map((line) => line.split(' ', 1)[0] ?? '')
    .filter((name) => name !== '');
  const told = [...page.matchAll(/--only ([a-z-]+)/g)].map(([, name]) => name);
  expect([...new Set(told)].sort()).toEqual(names.sort());
});

it('has a place for the figures of the latest run', () => {
  expect(page.split(/^<!-- results: .*-->$|^<!-- end of results -->$/m)).toHaveLength(3);
});
