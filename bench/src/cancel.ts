// From asking for the cancel of a job to TERM in the command that it runs: through the database, to
// a poll that waits, by the runner into the container.
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Client } from '@rivet/protocol';
import { BASE_IMAGE, runCommand } from './command.ts';
import { waitForEnd, withInstallation } from './installation.ts';
import { alternate, type Benchmark, oursAtMost, type Row, row } from './measure.ts';
import { podmanFlags } from './podman-flags.ts';

/** In each round: enough of them for a p99. */
const CANCELS = 6;
const LOOK_MS = 20;
const READY_MS_MAX = 60_000;
/** Until a runner without room polls again, and up to as much longer: at no moment of its own. */
const SETTLED_MS = 150;

/** Says when it hears of TERM; whoever reads that notes the time. */
const SCRIPT = `
  trap 'echo =term; kill $sleep; exit 0' TERM
  sleep 300 & sleep=$!
  echo =ready
  wait`;

const pipeline = `
return pipeline.define({
  name = "canceled",
  stages = { { name = "one", script = function() process.sh([[${SCRIPT}]]) end } },
})`;

export const cancelBenchmark: Benchmark = {
  name: 'cancel',
  about: 'a job is canceled → TERM in its command, on a runner without room for more',
  run: (rounds) =>
    withInstallation({ runners: 1, capacity: 1 }, async ({ client, createPipeline }) => {
      await createPipeline(pipeline);
      const { ours, peer } = await alternate(
        rounds,
        () => many(() => cancelJob(client)),
        () => many(killContainer),
      );
      return rowsOf(ours, peer);
    }),
};

function rowsOf(ours: readonly number[], peer: readonly number[]): Row[] {
  const name = 'cancel of a job → TERM in its command';
  const against = 'podman kill --signal TERM';
  return [
    row({ name, against, unit: 'ms', ours, peer }),
    row({ name, unit: 'ms', ours, figure: 'p99', target: oursAtMost(1000) }),
  ];
}

async function many(measure: () => Promise<number>): Promise<number[]> {
  const values: number[] = [];
  for (let n = 0; n < CANCELS; n += 1) values.push(await measure());
  return values;
}

/** Milliseconds from the request to TERM. */
async function cancelJob(client: Client): Promise<number> {
  const { id } = await client.launchPipeline({ ref: 'canceled', body: {} });
  const lines = async () => (await client.getJobLogs({ id, query: {} })).lines;
  const timeOf = async (said: string) => (await lines()).find(({ text }) => text === said)?.t;
  await until(`job ${id} runs`, async () => {
    const { finished_at, message } = await client.getJob({ id });
    if (finished_at !== null) throw new Error(`job ${id} ended before its cancel: ${message}`);
    return (await timeOf('=ready')) !== undefined;
  });
  await pause(SETTLED_MS * (1 + Math.random()));
  const askedAt = Date.now();
  await client.cancelJob({ id });
  const { state } = await waitForEnd(client, id);
  if (state !== 'canceled') throw new Error(`job ${id} ended as ${state}, not as canceled`);
  return sinceMs(askedAt, await timeOf('=term'));
}

/** The same of a container, by Podman alone. */
async function killContainer(): Promise<number> {
  const flags = await podmanFlags();
  const name = `rivet-bench-cancel-${randomUUID()}`;
  const podman = (...args: string[]) => runCommand('podman', [...flags.global, ...args]);
  await podman('run', ...flags.run, '--detach', '--name', name, BASE_IMAGE, 'sh', '-c', SCRIPT);
  try {
    const timeOf = async (said: string): Promise<string | undefined> => {
      const lines = (await podman('logs', '--timestamps', name)).split('\n');
      return lines.find((line) => line.endsWith(` ${said}`))?.split(' ', 1)[0];
    };
    const isReady = async () => (await timeOf('=ready')) !== undefined;
    await until(`the container ${name} runs`, isReady);
    const askedAt = Date.now();
    await podman('kill', '--signal', 'TERM', name);
    await podman('wait', name);
    return sinceMs(askedAt, await timeOf('=term'));
  } finally {
    await podman('rm', '--force', name);
  }
}

function sinceMs(askedAt: number, time: string | undefined): number {
  if (time === undefined) throw new Error('the command has not heard of TERM');
  return Date.parse(time) - askedAt;
}

async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + READY_MS_MAX;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not in time: ${what}`);
    await pause(LOOK_MS);
  }
}
