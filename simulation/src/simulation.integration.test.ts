// Many short histories of the protocol, each decided by its seed, and the proof that they would
// notice: every deliberate mistake is found by one of them.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MUTATIONS } from './mutations.ts';
import { type SimulationServer, startSimulationServer } from './simulation-server.ts';
import {
  findMistakes,
  hashSeeds,
  MISTAKES_MS_MAX,
  type Noticed,
  seedsMsMax,
  simulateSeeds,
  TRIES,
} from './workers.ts';

const COUNT = 40;
/** Those that few histories notice are left to `npm run simulate -- --mistakes`. */
const MISTAKES = MUTATIONS.filter(({ seed }) => seed === undefined);
/** What a test may take besides its workers, in milliseconds. */
const MARGIN_MS = 60_000;

let running: SimulationServer | undefined;

beforeAll(async () => {
  running = await startSimulationServer();
}, 240_000);

afterAll(() => running?.stop(), 120_000);

function server(): SimulationServer {
  if (running === undefined) throw new Error('the server is there from beforeAll on');
  return running;
}

it(
  'keeps every job whole, whatever is lost, repeated, reordered or dies',
  async () => {
    const ends = await simulateSeeds(server(), { first: 1, count: COUNT });
    for (const { failed, violations } of ends) {
      const what = failed?.events.join('\n');
      expect(failed?.faults ?? [], `the history of seed ${failed?.seed}:\n${what}`).toEqual([]);
      expect(violations).toEqual([]);
    }
    expect(ends.reduce((sum, { histories }) => sum + histories, 0)).toBe(COUNT);
  },
  seedsMsMax(COUNT) + MARGIN_MS,
);

it(
  'goes through the same history for the same seed, whatever was before',
  async () => {
    const [low, high] = [
      { first: 1, count: 4 },
      { first: 116, count: 5 },
    ];
    const [one, other] = await Promise.all([
      hashSeeds(server(), [low, high]),
      hashSeeds(server(), [high, low]),
    ]);
    expect(one).toEqual([expect.any(String), expect.any(String)]);
    expect(other).toEqual(one.toReversed());
    expect(one[0]).not.toBe(one[1]);
  },
  seedsMsMax(COUNT) + MARGIN_MS,
);

describe('a mistake', () => {
  let noticed: Noticed = {};

  beforeAll(async () => {
    noticed = await findMistakes(server(), MISTAKES);
  }, MISTAKES_MS_MAX + MARGIN_MS);

  it.each(MISTAKES.map(({ name }) => name))('is noticed: %s', (name) => {
    expect(noticed[name], `no history of ${TRIES} noticed it`).toMatchObject({
      fault: expect.any(String),
    });
  });
});
