// What is said of runners to those whose job waits for one.
import type { Runner } from '@rivet/protocol';
import { expect, test } from 'vitest';
import { whyNoRunner } from './why-no-runner.ts';

const runner = (name: string, changes: Partial<Runner> = {}): Runner => ({
  id: name,
  name,
  state: 'online',
  tags: [{ key: 'os', value: 'linux' }],
  pipelines: ['*'],
  capacity: 2,
  running: 0,
  pause: null,
  problem: null,
  version: '1',
  token_since: '2026-01-01T00:00:00.000Z',
  created_at: '2026-01-01T00:00:00.000Z',
  last_seen_at: '2026-01-02T00:00:00.000Z',
  ...changes,
});
const tag = (text: string) => {
  const [key = '', value = ''] = text.split('=');
  return { key, value };
};
const why = (tags: readonly string[], ...runners: Runner[]): string[] =>
  whyNoRunner({ pipeline: 'build', tags: tags.map(tag) }, runners).map(
    ({ code, text }) => `${code}: ${text}`,
  );

test('there is none at all', () => {
  expect(why([])).toEqual(['no_runner: There is no runner. Start one with `rivet runner start`.']);
});

test('none may run the pipeline', () => {
  expect(why([], runner('a', { pipelines: ['deploy-*'] }))).toEqual([
    'no_runner_for_pipeline: No runner may run the pipeline build: registration decides, with --pipeline.',
  ]);
});

test('none has a tag, and the nearest has another value of it', () => {
  const gpu = runner('b', { tags: [tag('os=linux'), tag('gpu=amd')] });
  expect(why(['os=linux', 'gpu=nvidia*'], runner('a', { tags: [] }), gpu)).toEqual([
    'no_runner_with_tags: No runner has the tag gpu=nvidia*. The nearest is b, which lacks gpu=nvidia* and has gpu=amd.',
  ]);
});

test('each tag is there, and no runner has all of them; one that is online is nearer', () => {
  const off = runner('a', { state: 'offline', tags: [tag('gpu=yes')] });
  expect(why(['os=lin*', 'gpu=*'], off, runner('b'))).toEqual([
    'no_runner_with_tags: No runner has all of the tags os=lin*, gpu=*. The nearest is b, which lacks gpu=*.',
  ]);
});

test('some have room: the one that was heard of last is told, as others may be dead', () => {
  const dead = runner('a', { last_seen_at: '2026-01-01T23:59:20.000Z' });
  expect(why([], dead, runner('b', { running: 1 }))).toEqual([
    'runner_free: The runner b can take it, and should any moment; it was last heard of at 2026-01-02T00:00:00.000Z.',
  ]);
});

test('all that are able are busy or away, and each says why', () => {
  const until = '2026-01-03T00:00:00.000Z';
  const pause = { until, note: 'new disk', by: 'ada', drain: false };
  expect(
    why(
      [],
      runner('off', { state: 'offline' }),
      runner('busy', { running: 2 }),
      runner('paused', { state: 'paused', pause }),
      runner('full', { state: 'unfit', problem: 'its disk / has 1GB left' }),
      runner('leaving', { state: 'draining', running: 1 }),
      runner('drained', { state: 'draining', pause: { ...pause, note: null } }),
    ),
  ).toEqual([
    'runners_busy: All runners that can take it are busy (1, with 2 jobs).',
    `runner_paused: The runner paused is paused until ${until}, by ada: new disk.`,
    'runner_unfit: The runner full takes no jobs: its disk / has 1GB left.',
    'runner_draining: The runner leaving is stopping; it has 1 job left.',
    'runner_draining: The runner drained was drained by ada; it has 0 jobs left.',
    'runner_offline: The runner off is offline since 2026-01-02T00:00:00.000Z.',
  ]);
});

test('of many that are away the first few are told', () => {
  const many = Array.from({ length: 8 }, (_, n) => runner(`r${n}`, { state: 'offline' }));
  const told = why([], ...many);
  expect(told).toHaveLength(6);
  expect(told.at(-1)).toBe('runner_offline: 3 more are not online either.');
});
