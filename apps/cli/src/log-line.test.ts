// What a person reads of a program's log.
import { expect, it } from 'vitest';
import { describeLogLine } from './log-line.ts';
import type { Style } from './output.ts';

const style = new Proxy({} as Style, {
  get: (_, name) => (text: string) => `<${String(name)}>${text}</>`,
});
const surroundings = { time: 1, pid: 2, hostname: 'h', name: 'runner' };
const entry = (level: number, msg: string, fields: object = {}): string =>
  JSON.stringify({ level, ...surroundings, ...fields, msg });

it.each([
  [entry(30, 'online', {}), 'runner: online'],
  [entry(40, 'slow', { ms: 7, on: true }), 'runner: <yellow>warning: </>slow (ms: 7, on: true)'],
  [
    entry(40, 'Podman needs help', { reasons: ['no network', 'no crun'], subject: 'cgroups' }),
    [
      'runner: <yellow>warning: </>Podman needs help (subject: cgroups)',
      '  reasons: no network',
      '  reasons: no crun',
    ].join('\n'),
  ],
  [
    entry(50, 'lost', { err: { type: 'Error', message: 'x'.repeat(41), stack: 'at y' }, n: null }),
    `runner: <red>error: </>lost (n: null)\n  err: ${'x'.repeat(41)}`,
  ],
])('tells %s', (line, told) => {
  expect(describeLogLine(line, style)).toBe(told);
});

it.each(['', 'RIVET_X: no', '7', 'null', '{"level":30}', '{"msg":"a","name":"b"}', '{'])(
  'leaves %j as it is',
  (line) => {
    expect(describeLogLine(line, style)).toBe(line);
  },
);
