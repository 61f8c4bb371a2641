// What a person who launches a job waits for: one command, through HTTP, database and runner.
import { setTimeout as pause } from 'node:timers/promises';
import { BASE_IMAGE, runCommand } from './command.ts';
import { type Installation, runJob, withInstallation } from './installation.ts';
import { type Benchmark, type Row, ratioAtMost, row, timed } from './measure.ts';
import { podmanFlags } from './podman-flags.ts';

/** Time in which a runner replaces the container that a job took, and removes the job's. */
const QUIET_MS = 1500;
/** Jobs on a warm runner in each round: enough of them for a p99. */
const WARM_JOBS = 2;
const BACK_TO_BACK = 20;

const pipelineFor = (mode: string): string => `
return pipeline.define({
  name = "${mode}",
  runner = { { key = "mode", value = "${mode}" } },
  stages = { { name = "one", script = function() process.run({ "true", check = true }) end } },
})`;

export const jobBenchmark: Benchmark = {
  name: 'jobs',
  about: 'launch → finished, one command in the default image, with and without warm containers',
  run: (rounds) =>
    withInstallation({}, async (installation) => {
      const runner = { RIVET_RUNNER_CAPACITY: '1' };
      await installation.startRunner({ ...runner, RIVET_RUNNER_TAGS: 'mode=warm' });
      const cold = { RIVET_RUNNER_TAGS: 'mode=cold', RIVET_WARM_CONTAINERS: '0' };
      await installation.startRunner({ ...runner, ...cold });
      for (const mode of ['warm', 'cold']) await installation.createPipeline(pipelineFor(mode));
      return measure(installation, rounds);
    }),
};

async function measure({ client }: Installation, rounds: number): Promise<Row[]> {
  const { global, run } = await podmanFlags();
  const bare = [...global, 'run', '--rm', ...run, BASE_IMAGE, 'true'];
  const values = { warm: [] as number[], cold: [] as number[], peer: [] as number[] };
  const quietly = async (action: () => Promise<number>): Promise<number> => {
    const ms = await action();
    await pause(QUIET_MS);
    return ms;
  };
  const peer = (): Promise<number> => quietly(() => timed(() => runCommand('podman', bare)));
  const job = (mode: string): Promise<number> => quietly(() => runJob(client, mode));
  // A runner learns from its first jobs which image to keep warm.
  for (let learning = 0; learning < 3; learning += 1) await job('warm');
  await job('cold');
  await peer();
  for (let round = 0; round < rounds; round += 1) {
    for (let n = 0; n < WARM_JOBS; n += 1) values.warm.push(await job('warm'));
    values.peer.push(await peer());
    values.cold.push(await job('cold'));
  }
  const crowded: number[] = [];
  for (let n = 0; n < BACK_TO_BACK; n += 1) crowded.push(await runJob(client, 'warm'));
  const against = 'podman run --rm IMAGE true';
  const shape = { against, unit: 'ms', peer: values.peer } as const;
  const warm = { name: 'launch → finished, warm', ours: values.warm, ...shape };
  return [
    row({ ...warm, target: ratioAtMost(0.35) }),
    row({ ...warm, figure: 'p99', target: ratioAtMost(1) }),
    row({
      ...shape,
      name: 'launch → finished, cold',
      ours: values.cold,
      target: ratioAtMost(1.1),
    }),
    row({ ...shape, name: 'launch → finished, one after another without a pause', ours: crowded }),
  ];
}
