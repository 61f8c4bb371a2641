// How long a line takes from a command to a client: real containers print the time, clients follow.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, LogLine } from '@rivet/protocol';
import { type Installation, waitForEnd, withInstallation } from './installation.ts';
import { type Benchmark, oursAtMost, type Row, row } from './measure.ts';

const JOBS = 100;
const LINES_A_SECOND = 100;
/** How long is measured for each round, in milliseconds. */
const ROUND_MS = 2000;
/** From the first line of the last job on. */
const SETTLE_MS = 5000;
/** Until all containers have started, and for their end. */
const OTHER_MS = 300_000;

/**
 * Prints a number and the time, without a process of its own for a line. Who is late prints the
 * next ones at once, so that the rate stays what it is.
 */
const PRINT = `
mkfifo /tmp/never
exec 3<>/tmp/never
IFS=.
set -- $EPOCHREALTIME
next=$1$2
n=0
while :; do
  set -- $EPOCHREALTIME
  while [ "$next" -le "$1$2" ]; do
    n=$((n + 1))
    echo "$n $EPOCHREALTIME"
    next=$((next + ${1_000_000 / LINES_A_SECOND}))
  done
  ms=$(((next - $1$2) / 1000 + 1))
  [ "$ms" -gt 9 ] || ms=0$ms
  read -r -t "0.0$ms" _ <&3 || :
done`;

const source = `
return pipeline.define({
  name = "bench-lines",
  stages = { { name = "print", script = function() process.sh([==[${PRINT}]==]) end } },
})`;

export const lineBenchmark: Benchmark = {
  name: 'lines',
  about: `a line from a command to a client, ${JOBS} jobs of ${LINES_A_SECOND} lines a second`,
  run: (rounds) =>
    withInstallation(
      {
        runners: 1,
        capacity: JOBS,
        orchestratorSettings: { RIVET_STREAMS_PER_USER: String(10 * JOBS) },
      },
      (installation) => measure(installation, rounds),
    ),
};

async function measure({ client, createPipeline }: Installation, rounds: number): Promise<Row[]> {
  await createPipeline(source);
  const jobs = await Promise.all(
    Array.from({ length: JOBS }, async () => {
      return (await client.launchPipeline({ ref: 'bench-lines', body: {} })).id;
    }),
  );
  const signal = AbortSignal.timeout(OTHER_MS + rounds * ROUND_MS);
  const followers = jobs.map((id) => new Follower(client, id, signal));
  const ended = Promise.all(followers.map((follower) => follower.follow()));
  // A failure is told below, where it ends the measurement.
  ended.catch(() => undefined);
  await Promise.race([Promise.all(followers.map((follower) => follower.begun)), ended]);
  await sleep(SETTLE_MS);
  for (const follower of followers) follower.delays.length = 0;
  const start = performance.now();
  await Promise.race([sleep(rounds * ROUND_MS), ended]);
  const delays = followers.flatMap((follower) => follower.delays);
  const rate = Math.round((delays.length / (performance.now() - start)) * 1000);
  await Promise.all(jobs.map((id) => client.cancelJob({ id })));
  await Promise.all([ended, ...jobs.map((id) => waitForEnd(client, id))]);
  const measured = {
    name: `a line of a command to a client, ${JOBS} jobs`,
    unit: 'ms' as const,
    ours: delays,
    note: `from real containers on one runner, ${rate} lines a second in all`,
  };
  return [
    row({ ...measured, target: oursAtMost(50) }),
    row({ ...measured, figure: 'p99', target: oursAtMost(250) }),
  ];
}

/** A client that follows one log and holds every line against the one before. */
class Follower {
  /** From the time that a line says to its arrival, in milliseconds. */
  readonly delays: number[] = [];
  /** Resolves with the first line. */
  readonly begun: Promise<void>;
  readonly #begin: () => void;
  readonly #client: Client;
  readonly #id: string;
  readonly #signal: AbortSignal;
  #count = 0;

  constructor(client: Client, id: string, signal: AbortSignal) {
    this.#client = client;
    this.#id = id;
    this.#signal = signal;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.begun = promise;
    this.#begin = resolve;
  }

  /** Resolves when the job was canceled. @throws when it ended, or lines are missing */
  async follow(): Promise<void> {
    const stream = this.#client.streamJobLogs({ id: this.#id, signal: this.#signal });
    for await (const event of stream) {
      if (event.event === 'line' && event.data.stream === 'stdout') this.#take(event.data);
      if (event.event === 'end' && event.data.state !== 'canceled') {
        throw new Error(`job ${this.#id} ended as ${event.data.state}: ${event.data.message}`);
      }
    }
  }

  #take({ text }: LogLine): void {
    const arrivedAt = performance.timeOrigin + performance.now();
    const [count, seconds] = text.split(' ').map(Number);
    this.#count += 1;
    if (count !== this.#count || seconds === undefined) {
      throw new Error(`line ${this.#count} of job ${this.#id} is ${JSON.stringify(text)}`);
    }
    this.delays.push(arrivedAt - seconds * 1000);
    this.#begin();
  }
}
