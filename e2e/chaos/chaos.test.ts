// A short run of chaos. A longer one: `npm run chaos -- --seed S --minutes M`.
import { expect, it } from 'vitest';
import { runChaos } from './chaos.ts';

const seed = Number(process.env.CHAOS_SEED ?? 1);
const minutes = Number(process.env.CHAOS_MINUTES ?? 0.5);
/** Beside the faults: the start, the drain, reading every log, on a machine that is slow. */
const REST_MS = 900_000;

it(
  'ends every job once, as it should and with every line, whatever dies meanwhile',
  async () => {
    const say = (text: string): void => void process.stderr.write(`chaos: ${text}\n`);
    say(`seed ${seed}, ${minutes} minutes`);
    const report = await runChaos(seed, minutes, say);
    const { faults, schedule, ...rest } = report;
    say(JSON.stringify(rest, null, 2));
    if (faults.length > 0) say(`the schedule of seed ${seed}:\n${schedule}`);
    expect(faults).toEqual([]);
    expect(report.jobs).toBeGreaterThan(0);
  },
  minutes * 60_000 + REST_MS,
);
