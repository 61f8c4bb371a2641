// What Rivet adds to a job of 40 short commands: before the first, between them, after the last.
import { setTimeout as pause } from 'node:timers/promises';
import type { Client } from '@rivet/protocol';
import { type BareTimes, openBareJobs } from './bare-job.ts';
import { waitForEnd, withInstallation } from './installation.ts';
import { type Benchmark, oursAtMost, type Row, row } from './measure.ts';

const COMMANDS = 40;
const QUIET_MS = 1500;

const CALLS = 100;

/** What each command of a script passes, without any command. */
const callsPipeline = `
return pipeline.define({
  name = "calls",
  stages = { { name = "one", script = function()
    local start = time.now()
    for _ = 1, ${CALLS} do time.now() end
    output.set("call_ms", (time.now() - start) * 1000 / ${CALLS + 1})
  end } },
})`;

const pipeline = `
return pipeline.define({
  name = "commands",
  stages = { { name = "one", script = function()
    local start, sum = time.now(), 0
    for _ = 1, ${COMMANDS} do
      sum = sum + process.run({ "sleep", "0.01", check = true }).duration_ms
    end
    output.set("times", { start, time.now(), sum })
  end } },
})`;

/** All in milliseconds. */
interface Times {
  readonly wall: number;
  /** From the launch to the beginning of the script. */
  readonly assignment: number;
  readonly script: number;
  /** What the commands took, as their results say. */
  readonly commands: number;
}

export const overheadBenchmark: Benchmark = {
  name: 'overhead',
  about: `a job of ${COMMANDS} commands of 10 ms: what is not these commands`,
  run: (rounds) =>
    withInstallation({ runners: 1, capacity: 1 }, async (installation) => {
      const { client, createPipeline, databaseUrl } = installation;
      await createPipeline(pipeline);
      await createPipeline(callsPipeline);
      for (let learning = 0; learning < 3; learning += 1) await measure(client);
      const bare = await openBareJobs(databaseUrl, 'sleep 0.01', COMMANDS);
      const times: Times[] = [];
      const bareTimes: BareTimes[] = [];
      const calls: number[] = [];
      try {
        await bare.run();
        for (let round = 0; round < rounds; round += 1) {
          times.push(await measure(client));
          bareTimes.push(await bare.run());
          await pause(QUIET_MS);
          calls.push(await measureCalls(client));
          await pause(QUIET_MS);
        }
      } finally {
        await bare.close();
      }
      return rowsOf(times, bareTimes, calls);
    }),
};

function rowsOf(
  times: readonly Times[],
  bare: readonly BareTimes[],
  calls: readonly number[],
): Row[] {
  const unit = 'ms';
  return [
    row({
      name: `overhead of a job of ${COMMANDS} commands of 10 ms`,
      against: 'three commits, a shell behind a FIFO',
      unit: '%',
      ours: times.map(({ wall, commands }) => ((wall - commands) / wall) * 100),
      peer: bare.map(({ wall, loop }) => ((wall - loop) / wall) * 100),
      target: oursAtMost(15),
      note: 'of launch → finished',
    }),
    row({
      name: 'of it assignment: launch → script',
      unit,
      ours: times.map(({ assignment }) => assignment),
    }),
    row({
      name: 'of it transition: between two commands',
      against: 'the same shell, asked for each',
      unit,
      ours: times.map(({ script, commands }) => (script - commands) / COMMANDS),
      peer: bare.map(({ asked, loop }) => (asked - loop) / COMMANDS),
    }),
    row({
      name: 'of a transition: a call of the script that does nothing',
      unit,
      ours: calls,
      note: 'one after the other: Lua process, runner, journal and back',
    }),
    row({
      name: 'of it end: script → finished',
      unit,
      ours: times.map(({ wall, assignment, script }) => wall - assignment - script),
    }),
    row({
      name: `what a command of 10 ms takes as its result says`,
      against: 'a command in a loop of the shell',
      unit,
      ours: times.map(({ commands }) => commands / COMMANDS),
      peer: bare.map(({ loop }) => loop / COMMANDS),
    }),
  ];
}

async function measure(client: Client): Promise<Times> {
  const launchedAt = Date.now();
  const start = performance.now();
  const { id } = await client.launchPipeline({ ref: 'commands', body: {} });
  const { state, message } = await waitForEnd(client, id);
  const wall = performance.now() - start;
  if (state !== 'succeeded') throw new Error(`job ${id} ended as ${state}: ${message ?? ''}`);
  const { outputs } = await client.getJob({ id });
  const [began, ended, commands] = outputs.times as [number, number, number];
  await pause(QUIET_MS);
  return { wall, assignment: began * 1000 - launchedAt, script: (ended - began) * 1000, commands };
}

/** What a call takes that only reads the clock, in milliseconds. */
async function measureCalls(client: Client): Promise<number> {
  const { id } = await client.launchPipeline({ ref: 'calls', body: {} });
  const { state, message } = await waitForEnd(client, id);
  if (state !== 'succeeded') throw new Error(`job ${id} ended as ${state}: ${message ?? ''}`);
  const { outputs } = await client.getJob({ id });
  return outputs.call_ms as number;
}
