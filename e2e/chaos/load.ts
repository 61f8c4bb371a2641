// Launches jobs all the time, cancels some, and remembers what was acknowledged: nothing else may
// be asked of the system afterwards.
import { randomUUID } from 'node:crypto';
import { createRandom, type Random, sleep } from '@rivet/base';
import type { Client } from '@rivet/protocol';
import { eventually } from './eventually.ts';
import type { Numbers } from './pipeline.ts';

/** Jobs that have not ended, at most. */
const OPEN_JOBS = 8;
const LOOK_MS = 400;
/** Of one try; a cut answer must not hold the load up. */
const TRY_MS = 10_000;

/** A job whose launch was acknowledged. */
export interface Launched {
  readonly id: string;
  readonly numbers: Numbers;
  /** Whether somebody asked for its end. */
  canceled: boolean;
}

export interface Load {
  readonly jobs: readonly Launched[];
  /** Launches nothing more. Resolves when what is under way has been acknowledged. */
  stop(): Promise<void>;
}

/** Starts the load on the pipeline `ref`. */
export function startLoad(client: Client, ref: string, seed: number): Load {
  const random = createRandom(seed);
  const jobs: Launched[] = [];
  const background = new Set<Promise<void>>();
  let stopping = false;

  const launch = async (): Promise<void> => {
    const numbers = choose(random);
    const cancelAfterMs = random.once(8) ? random.below(6000) : undefined;
    // A repeat of a launch is the same launch, however often its answer is lost.
    const idempotencyKey = randomUUID();
    const { id } = await insist(() =>
      client.launchPipeline({
        ref,
        body: { inputs: { ...numbers } },
        idempotencyKey,
        signal: AbortSignal.timeout(TRY_MS),
      }),
    );
    const job: Launched = { id, numbers, canceled: false };
    jobs.push(job);
    if (cancelAfterMs === undefined) return;
    await sleep(cancelAfterMs);
    // From here on it may have been canceled, also when nobody learns of it.
    job.canceled = true;
    const cancel = () => client.cancelJob({ id, signal: AbortSignal.timeout(TRY_MS) });
    await insist(cancel).catch((error: unknown) => {
      // What had ended before stays as it is.
      if (!isRefusal(error)) throw error;
    });
  };
  const serve = async (): Promise<void> => {
    const ended = new Set<string>();
    while (!stopping) {
      const open = jobs.filter(({ id }) => !ended.has(id));
      for (const { id } of open.slice(0, 3)) {
        const job = await client
          .getJob({ id, signal: AbortSignal.timeout(TRY_MS) })
          .catch(() => undefined);
        if (job !== undefined && job.finished_at !== null) ended.add(id);
      }
      if (open.length + background.size < OPEN_JOBS) {
        const launching = launch().finally(() => background.delete(launching));
        background.add(launching);
      }
      await sleep(LOOK_MS);
    }
  };
  const served = serve();
  return {
    jobs,
    async stop() {
      stopping = true;
      await served;
      await Promise.all(background);
    },
  };
}

function choose(random: Random): Numbers {
  return {
    commands: random.between(0, 4),
    branches: random.below(4),
    lines: random.pick([1, 20, 60, 60, 120]),
    exit: random.once(8) ? 7 : 0,
  };
}

/** However long the chaos lasts: what was asked for must be acknowledged, or refused. */
function insist<T>(ask: () => Promise<T>): Promise<T> {
  return eventually(ask, { ms: 300_000, isRefusal });
}

/** Whether the server has understood the question and said no, which it will say again. */
function isRefusal(error: unknown): boolean {
  const status = Number((error as { details?: { status?: unknown } }).details?.status);
  return status >= 400 && status < 500 && status !== 408 && status !== 429;
}
