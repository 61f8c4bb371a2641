// What of a report is believed, bounded and merged.
import type { StageChange } from '@rivet/protocol';
import type { AttemptRow } from '@rivet/store';
import { describe, expect, it } from 'vitest';
import { believableLines, cleanTexts, logBytes, roundsOf } from './report-content.ts';

const change = (stage: string, state: StageChange['state'], run = 1): StageChange => ({
  stage,
  state,
  run,
  t: '2026-01-01T00:00:00.000Z',
});
const line = (t: string, text = 'x') => ({
  ...{ n: 1, t, stage: '', text },
  level: 'info' as const,
  stream: 'log' as const,
});

describe('stage changes', () => {
  it('of many stages are stored in as many rounds as one of them has states', () => {
    const names = Array.from({ length: 500 }, (_, index) => `s${index}`);
    const changes = names.flatMap((name) => [change(name, 'running'), change(name, 'succeeded')]);
    const rounds = roundsOf(changes);
    expect(rounds.map((round) => round.length)).toEqual([500, 500]);
    expect(rounds[1]?.every(({ state }) => state === 'succeeded')).toBe(true);
  });

  it('of thousands of runs keep the first of all and those of the last run', () => {
    const changes = Array.from({ length: 5000 }, (_, run) => [
      change('s', 'running', run + 1),
      change('s', 'failed', run + 1),
    ]).flat();
    const kept = roundsOf(changes).flat();
    expect(kept.map(({ state, run }) => [state, run])).toEqual([
      ['running', 1],
      ['running', 5000],
      ['failed', 5000],
    ]);
  });

  it('that no stage can go through are refused before they cost a statement each', () => {
    const storm = Array.from({ length: 5000 }, (_, index) =>
      change('s', index % 2 === 0 ? 'running' : 'failed'),
    );
    expect(() => roundsOf(storm)).toThrow(
      expect.objectContaining({ code: 'RIVET_REQUEST_INVALID' }),
    );
  });
});

describe('lines', () => {
  const attempt = { read_at: new Date('2026-06-01T12:00:00.000Z') } as AttemptRow;

  it('of the future are of now, those of a clock that is a little ahead are left', () => {
    const times = ['9999-12-31T23:59:59.999Z', '2026-06-01T12:05:00.000Z', '2026-06-01T11:00:00Z'];
    const shown = believableLines(
      times.map((t) => line(t)),
      attempt,
    );
    expect(shown.map(({ t }) => t)).toEqual(['2026-06-01T12:00:00.000Z', times[1], times[2]]);
  });

  it('count with all that they hold', () => {
    const full = { ...line('', 'äö'), stage: 'build', group: 'a / b' };
    expect(logBytes([full])).toBe(48 + 4 + 5 + 5);
  });
});

it('texts are cut before they fill lists, without half a character at the end', () => {
  const { message } = cleanTexts({ message: `${'x'.repeat(16_383)}😀 and more` });
  expect(message).toHaveLength(16_384);
  expect(message.isWellFormed()).toBe(true);
});
