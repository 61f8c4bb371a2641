// Calls of Podman at the same time: the runner behind them goes on between their starts.
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { expect, it, onTestFinished } from 'vitest';
import { PodmanCli } from './cli.ts';

it('starts one process in each turn of the event loop, however many are asked for', async () => {
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
  const podman = new PodmanCli('true', process.env);
  const call = { action: 'do nothing', args: [], timeoutMs: 60_000 };
  const ends = await Promise.all(Array.from({ length: 12 }, () => podman.run(call)));
  expect(ends.map(({ exitCode }) => exitCode)).toEqual(ends.map(() => 0));
  expect(turnsOfStarts).toHaveLength(12);
  expect(new Set(turnsOfStarts).size).toBe(12);
});
