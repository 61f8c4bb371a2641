// What of a report is believed, bounded and merged.
import type { StageChange } from '@rivet/protocol';
import { describe, expect, it } from 'vitest';
import { cleanTexts, roundsOf } from './report-content.ts';

const change = (stage: string, state: StageChange['state'], run = 1): StageChange => ({
  stage,
  state,
  run,
  t: '2026-01-01T00:00:00.000Z',
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

it('texts are cut before they fill lists, without half a character at the end', () => {
  const { message } = cleanTexts({ message: `${'x'.repeat(16_383)}😀 and more` });
  expect(message).toHaveLength(16_384);
  expect(message.isWellFormed()).toBe(true);
});
