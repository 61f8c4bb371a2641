// Histories in processes of their own, where no other code has their time: as many at once as keep
// the processors busy, each with a database of its own.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import type { Mutation } from './mutations.ts';
import type { SimulationServer } from './simulation-server.ts';

/** A worker forgets so many histories at once: what has ended makes statements slower. */
export const HISTORIES_KEPT = 50;
/** Histories in which a mistake must have been found. */
export const TRIES = 1000;
const PROCESSORS = Math.max(2, availableParallelism());
/**
 * More than processors: each waits for the database half of its time, which has to work then. Each
 * has to compile for itself what it runs.
 */
const WORKERS_MAX = Math.min(16, Math.ceil(1.5 * PROCESSORS));
/** A worker needs as long to start as for so many histories. */
const HISTORIES_MIN = 20;
/** A worker is given as many at a time as it keeps: to forget them costs as much as a history. */
const HISTORIES_GIVEN_MAX = HISTORIES_KEPT;
/** Fewer when few are left, so that all workers end at about the same time. */
const HISTORIES_GIVEN_MIN = 10;
/** Room for what is made and forgotten, from the start: histories leave nothing. */
const NODE_OPTIONS = ['--min-semi-space-size=64', '--max-semi-space-size=64'];
/** Of a worker that hangs: it does not outlive its run. */
const START_MS_MAX = 200_000;
const HISTORY_MS_MAX = 3000;
/** Of one that looks for all histories that notice mistakes: nearly all that it may try. */
export const MISTAKES_MS_MAX = 1_800_000;

type Server = SimulationServer | Promise<SimulationServer>;

export interface SeedRange {
  readonly first: number;
  readonly count: number;
}

/** What a worker is given to do. */
interface Task extends SeedRange {
  /** Whether its end has the hash of what happened, to compare it by. */
  readonly isHashed?: boolean;
  /** A deliberate mistake in each of the histories, by its name. */
  readonly mutation?: string;
}

export interface WorkerTask extends Task {
  /** URL of the worker's own database, the same one for all that it is given. */
  readonly database: string;
}

/** What came of histories that a worker went through: until one failed. */
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

/**
 * Goes through the histories of these seeds, in several workers, until one fails.
 * @param server may still start: meanwhile workers load what they need
 */
export async function simulateSeeds(server: Server, range: SeedRange): Promise<SeedsEnd[]> {
  const ends: SeedsEnd[] = [];
  const workers = Math.min(WORKERS_MAX, Math.ceil(range.count / HISTORIES_MIN));
  const tasks = divide(range, workers);
  await share(server, workers, tasks, (_, end) => {
    ends.push(end);
    if (end.failed !== undefined) tasks.length = 0;
  });
  return ends;
}

function divide({ first, count }: SeedRange, workers: number): Task[] {
  const tasks: Task[] = [];
  for (let given = 0; given < count; ) {
    const left = count - given;
    const fair = Math.ceil(left / (2 * workers));
    const next = Math.min(left, HISTORIES_GIVEN_MAX, Math.max(HISTORIES_GIVEN_MIN, fair));
    tasks.push({ first: first + given, count: next });
    given += next;
  }
  return tasks;
}

/** Goes through these histories one after the other. A hash of what happened for each range. */
export async function hashSeeds(
  server: Server,
  ranges: readonly SeedRange[],
): Promise<(string | undefined)[]> {
  const hashes: (string | undefined)[] = [];
  const tasks = ranges.map((range) => ({ ...range, isHashed: true }));
  await share(server, 1, tasks, (_, { hash }) => void hashes.push(hash));
  return hashes;
}

/** Looks for a history that notices each of these mistakes. */
export async function findMistakes(
  server: Server,
  mistakes: readonly Mutation[],
): Promise<Noticed> {
  const tasks = mistakes.map(({ name, seed: first = 1 }) => ({
    ...{ first, count: TRIES, mutation: name },
  }));
  const noticed: Record<string, Noticed[string]> = {};
  await share(server, PROCESSORS, tasks, ({ mutation }, { failed }) => {
    const [fault = ''] = failed?.faults ?? [];
    noticed[mutation] = failed === undefined ? null : { seed: failed.seed, fault };
  });
  return noticed;
}

/** Has workers do these tasks, each the next one that is left; `heard` may take some away. */
async function share<T extends Task>(
  server: Server,
  workers: number,
  tasks: T[],
  heard: (task: T, end: SeedsEnd) => void,
): Promise<void> {
  const work = async (): Promise<void> => {
    const worker = startWorker();
    try {
      const { withDatabase } = await server;
      await withDatabase(async (database) => {
        try {
          for (let task = tasks.shift(); task !== undefined; task = tasks.shift()) {
            heard(task, await perform(worker.process, { ...task, database }));
          }
        } finally {
          await worker.end();
        }
      });
    } finally {
      await worker.end();
    }
  };
  await Promise.all(Array.from({ length: Math.min(workers, tasks.length) }, work));
}

function startWorker(): { process: ChildProcess; end: () => Promise<unknown> } {
  const main = new URL('main.ts', import.meta.url).pathname;
  const worker = fork(main, { execArgv: NODE_OPTIONS });
  const exit = once(worker, 'exit');
  const end = (): Promise<unknown> => {
    if (worker.connected) worker.disconnect();
    return exit;
  };
  return { process: worker, end };
}

async function perform(worker: ChildProcess, task: WorkerTask): Promise<SeedsEnd> {
  const { first, count, mutation } = task;
  const msMax = mutation === undefined ? seedsMsMax(count) : MISTAKES_MS_MAX;
  const timer = setTimeout(() => worker.kill('SIGKILL'), msMax);
  try {
    return await new Promise((resolve, reject) => {
      const exited = (code: number | null, signal: string | null): void =>
        reject(new Error(`a worker ended (${signal ?? code}) in the ${count} from seed ${first}`));
      worker.once('exit', exited);
      worker.once('message', (end) => {
        worker.off('exit', exited);
        resolve(end as SeedsEnd);
      });
      if (worker.connected) worker.send(task);
      else exited(worker.exitCode, worker.signalCode);
    });
  } finally {
    clearTimeout(timer);
  }
}
