// Histories in processes of their own, where no other code has their time: as many at once as keep
// the processors busy, each with a database of its own.
import { execFile } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { promisify } from 'node:util';
import type { Mutation } from './mutations.ts';
import type { SimulationServer } from './simulation-server.ts';

/** Histories in which a mistake must have been found. */
export const TRIES = 1000;
const PROCESSORS = Math.max(2, availableParallelism());
/** Twice as many as processors: each waits for the database half of its time. */
const WORKERS_MAX = Math.min(16, 2 * PROCESSORS);
/** A worker needs as long to start as for so many histories. */
const HISTORIES_MIN = 20;
/** Room for what is made and forgotten: histories leave nothing. */
const NODE_OPTIONS = ['--max-semi-space-size=64'];
const OUTPUT_BYTES_MAX = 64 * 1024 ** 2;
/** Of a worker that hangs: it does not outlive its run. */
const START_MS_MAX = 200_000;
const HISTORY_MS_MAX = 3000;
/** Of one that looks for all histories that notice mistakes: nearly all that it may try. */
export const MISTAKES_MS_MAX = 1_800_000;

export interface SeedRange {
  readonly first: number;
  readonly count: number;
}

/** What came of the histories that one worker went through: until one failed. */
export interface SeedsEnd {
  readonly histories: number;
  /** Of what happened in all of them, where it was asked for. */
  readonly hash?: string;
  readonly failed?: {
    readonly seed: number;
    readonly faults: readonly string[];
    readonly events: readonly string[];
  };
  /** Rows that contradict each other. */
  readonly violations: readonly unknown[];
}

/** Which history noticed a mistake, by the name of the mistake; null: none did. */
export type Noticed = Readonly<Record<string, { seed: number; fault: string } | null>>;

/** How long `simulateSeeds` takes at most, in milliseconds. */
export function seedsMsMax(count: number): number {
  return START_MS_MAX + count * HISTORY_MS_MAX;
}

/** Goes through the histories of these seeds, in several workers. */
export async function simulateSeeds(
  server: SimulationServer,
  { first, count }: SeedRange,
): Promise<SeedsEnd[]> {
  const workers = Math.min(WORKERS_MAX, Math.ceil(count / HISTORIES_MIN));
  return await Promise.all(
    Array.from({ length: workers }, (_, index) => {
      const from = first + Math.floor((count * index) / workers);
      const to = first + Math.floor((count * (index + 1)) / workers);
      return runSeeds(server, { first: from, count: to - from });
    }),
  );
}

/** Goes through the histories of these seeds one after the other, with a hash of what happened. */
export function hashSeeds(server: SimulationServer, range: SeedRange): Promise<SeedsEnd> {
  return runSeeds(server, range, ['--hash']);
}

/** Looks for a history that notices each of these mistakes. */
export async function findMistakes(
  server: SimulationServer,
  mistakes: readonly Mutation[],
): Promise<Noticed> {
  const parts = await Promise.all(
    Array.from({ length: PROCESSORS }, (_, worker) => {
      const mine = mistakes.filter((__, index) => index % PROCESSORS === worker);
      const names = mine.flatMap(({ name }) => ['--mutation', name]);
      const arguments_ = ['--seeds', String(TRIES), ...names];
      return runWorker<{ noticed: Noticed }>(server, arguments_, MISTAKES_MS_MAX);
    }),
  );
  return Object.assign({}, ...parts.map(({ noticed }) => noticed));
}

function runSeeds(
  server: SimulationServer,
  { first, count }: SeedRange,
  options: readonly string[] = [],
): Promise<SeedsEnd> {
  const arguments_ = ['--seed', String(first), '--seeds', String(count), ...options];
  return runWorker<SeedsEnd>(server, arguments_, seedsMsMax(count));
}

async function runWorker<End>(
  server: SimulationServer,
  arguments_: readonly string[],
  msMax: number,
): Promise<End> {
  return await server.withDatabase(async (url) => {
    const main = new URL('main.ts', import.meta.url).pathname;
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [...NODE_OPTIONS, main, '--database', url, ...arguments_],
      { maxBuffer: OUTPUT_BYTES_MAX, timeout: msMax, killSignal: 'SIGKILL' },
    );
    return JSON.parse(stdout) as End;
  });
}
