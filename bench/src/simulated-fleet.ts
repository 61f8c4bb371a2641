// A fleet of simulated runners, spread over threads and loopback addresses, that can grow.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { FleetEvent, FleetPart } from './fleet-member.ts';
import type { Installation } from './installation.ts';
import { registerRunners } from './simulated-runner.ts';

/** Runners of one thread, and so of one loopback address. */
const PART = 2500;
/** What a real runner asks for. */
const WAIT_MS = 50_000;
const WORK_MS = 500;
const END_MS = 60_000;

/** Times of a job in milliseconds since the epoch. */
export interface JobTimes {
  readonly claimedAt?: number;
  readonly endedAt?: number;
}

export class SimulatedFleet {
  /** By the id of the job. */
  readonly jobs = new Map<string, JobTimes>();
  readonly errors: string[] = [];
  size = 0;
  readonly #installation: Installation;
  readonly #urls: readonly string[];
  readonly #threads: Worker[] = [];

  /** @param urls of the orchestrators that they poll; all when absent */
  constructor(installation: Installation, urls?: readonly string[]) {
    this.#installation = installation;
    this.#urls = urls ?? installation.orchestrators.map(({ url }) => url);
  }

  /** Adds runners until there are `size`; resolves when all have connected. */
  async growTo(size: number): Promise<void> {
    const { client, orchestrators } = this.#installation;
    const registerAt = orchestrators[0]?.url ?? '';
    const parts: FleetPart[] = [];
    while (this.size < size) {
      const count = Math.min(PART, size - this.size);
      const number = this.#threads.length + parts.length;
      const url = this.#urls[number % this.#urls.length] ?? registerAt;
      const namePrefix = `fleet-${number}`;
      const identities = await registerRunners({ client, url: registerAt, count, namePrefix });
      parts.push({
        ...{ url, identities, waitMs: WAIT_MS, workMs: WORK_MS },
        localAddress: `127.0.0.${number + 2}`,
      });
      this.size += count;
    }
    await Promise.all(parts.map((part) => this.#startThread(part)));
  }

  /** Waits until all these jobs have ended, a minute at most; how many have not. */
  async waitForEnds(ids: readonly string[]): Promise<number> {
    const until = performance.now() + END_MS;
    const left = (): number => ids.filter((id) => this.#endOf(id) === undefined).length;
    while (left() > 0 && performance.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return left();
  }

  async stop(): Promise<void> {
    await Promise.all(
      this.#threads.map(async (thread) => {
        thread.postMessage('stop');
        await thread.terminate();
      }),
    );
  }

  async #startThread(part: FleetPart): Promise<void> {
    const workerData = part;
    const thread = new Worker(new URL('./fleet-member.ts', import.meta.url), { workerData });
    this.#threads.push(thread);
    const connected = Promise.withResolvers<void>();
    thread.on('message', (event: FleetEvent) => {
      if (event.kind === 'connected') connected.resolve();
      else this.#note(event);
    });
    thread.on('error', (error) => connected.reject(error));
    const ended = once(thread, 'exit').then(() => {
      throw new Error('a thread of the fleet ended before it had connected');
    });
    await Promise.race([connected.promise, ended]);
    ended.catch(() => undefined);
  }

  #endOf(id: string): number | undefined {
    return this.jobs.get(id)?.endedAt;
  }

  #note(event: Exclude<FleetEvent, { kind: 'connected' }>): void {
    if (event.kind === 'error') {
      this.errors.push(event.message);
      return;
    }
    const times = this.jobs.get(event.job);
    const name = event.kind === 'claimed' ? 'claimedAt' : 'endedAt';
    this.jobs.set(event.job, { ...times, [name]: event.at });
  }
}
