// What Rivet adds to a job of 40 short commands: before the first, between them, after the last.
import { setTimeout as pause } from 'node:timers/promises';
import type { Client } from '@rivet/protocol';
import { runJob, waitForEnd, withInstallation } from './installation.ts';
import { type Benchmark, oursAtMost, type Row, row } from './measure.ts';

const COMMANDS = 40;
const QUIET_MS = 1500;

const jobOf = (name: string, body: string): string => `
return pipeline.define({
  name = "${name}",
  stages = { { name = "one", script = function()
    local start = time.now()
    ${body}
    output.set("times", { start, time.now() })
  end } },
})`;
const commands = jobOf(
  'commands',
  `for _ = 1, ${COMMANDS} do process.run({ "sleep", "0.01", check = true }) end`,
);
/** What the same commands take without anything between them, and the one command around them. */
const loop = (name: string, count: number): string =>
  jobOf(name, `process.sh("i=0; while [ $i -lt ${count} ]; do i=$((i+1)); sleep 0.01; done")`);

/** All in milliseconds. */
interface Times {
  readonly wall: number;
  /** From the launch to the beginning of the script. */
  readonly assignment: number;
  readonly script: number;
}

export const overheadBenchmark: Benchmark = {
  name: 'overhead',
  about: `a job of ${COMMANDS} commands of 10 ms: what is not these commands`,
  run: (rounds) =>
    withInstallation({ runners: 1, capacity: 1 }, async ({ client, createPipeline }) => {
      const sources = [commands, loop('loop', COMMANDS), loop('nothing', 0)];
      for (const source of sources) await createPipeline(source);
      for (const name of ['loop', 'nothing', 'commands']) await runJob(client, name);
      const values = { share: [] as number[], assignment: [] as number[], rest: [] as number[] };
      const transitions: number[] = [];
      for (let round = 0; round < rounds; round += 1) {
        const bare = (await measure(client, 'loop')).script;
        const sum = bare - (await measure(client, 'nothing')).script;
        const { wall, assignment, script } = await measure(client, 'commands');
        values.share.push(((wall - sum) / wall) * 100);
        values.assignment.push(assignment);
        transitions.push((script - sum) / COMMANDS);
        values.rest.push(wall - assignment - script);
      }
      return rowsOf(values.share, values.assignment, transitions, values.rest);
    }),
};

function rowsOf(
  share: readonly number[],
  assignment: readonly number[],
  transitions: readonly number[],
  rest: readonly number[],
): Row[] {
  const unit = 'ms';
  return [
    row({
      name: `overhead of a job of ${COMMANDS} commands of 10 ms`,
      unit: '%',
      ours: share,
      target: oursAtMost(15),
      note: 'of launch → finished',
    }),
    row({ name: 'of it assignment: launch → script', unit, ours: assignment }),
    row({ name: 'of it transition: each command, less what it takes', unit, ours: transitions }),
    row({ name: 'of it end: script → finished', unit, ours: rest }),
  ];
}

async function measure(client: Client, ref: string): Promise<Times> {
  const launchedAt = Date.now();
  const start = performance.now();
  const { id } = await client.launchPipeline({ ref, body: {} });
  const { state, message } = await waitForEnd(client, id);
  const wall = performance.now() - start;
  if (state !== 'succeeded') throw new Error(`job ${id} ended as ${state}: ${message ?? ''}`);
  const { outputs } = await client.getJob({ id });
  const [began, ended] = outputs.times as [number, number];
  await pause(QUIET_MS);
  return { wall, assignment: began * 1000 - launchedAt, script: (ended - began) * 1000 };
}
