// Tells streams that a job has changed: through notifications, and by looking once a second.
import { createService, type Logger, type Service } from '@rivet/base';
import { type Database, readJobMarks } from '@rivet/store';

export interface JobWatch {
  /** Resolves when something has changed since the last call, or when `signal` aborts. */
  changed(signal: AbortSignal): Promise<void>;
  close(): void;
}

export interface JobWatcher extends Service {
  watch(jobId: string, what?: Watching): JobWatch;
  /**
   * @param payload ids with spaces between, `*` for any
   * @param isLogTold whether those who follow a log have what has changed already
   */
  notified(payload: string, isLogTold?: boolean): void;
}

/** What whoever watches reads when the job has changed. */
type Watching = 'job' | 'log';

interface Watched {
  readonly watches: Set<{ readonly what: Watching; wake(): void }>;
  mark: string | undefined;
}

const POLL_MS = 1000;

export function createJobWatcher(database: Database, logger: Logger): JobWatcher {
  const jobs = new Map<string, Watched>();
  let timer: NodeJS.Timeout | undefined;
  let polling: Promise<void> | undefined;

  const wake = (id: string, isLogTold = false): void => {
    for (const watch of jobs.get(id)?.watches ?? []) {
      if (!isLogTold || watch.what !== 'log') watch.wake();
    }
  };
  const poll = async (): Promise<void> => {
    try {
      for (const { id, mark } of await readJobMarks(database, [...jobs.keys()])) {
        const watched = jobs.get(id);
        if (watched === undefined || watched.mark === mark) continue;
        watched.mark = mark;
        wake(id);
      }
    } catch (error) {
      logger.debug({ err: error }, 'looking for changed jobs failed');
    }
  };
  const service = createService('job watcher', {
    async start() {
      timer = setInterval(() => {
        if (jobs.size === 0 || polling !== undefined) return;
        polling = poll().finally(() => {
          polling = undefined;
        });
      }, POLL_MS);
    },
    async stop() {
      clearInterval(timer);
      await polling;
    },
  });
  return {
    ...service,
    notified(payload, isLogTold) {
      for (const id of payload === '*' ? jobs.keys() : payload.split(' ')) wake(id, isLogTold);
    },
    watch(jobId, what = 'job') {
      const watched = jobs.get(jobId) ?? { watches: new Set(), mark: undefined };
      jobs.set(jobId, watched);
      const close = (): void => {
        watched.watches.delete(kept);
        if (watched.watches.size === 0) jobs.delete(jobId);
      };
      const watch = createWatch(close);
      const kept = { what, wake: () => watch.wake() };
      watched.watches.add(kept);
      return watch;
    },
  };
}

/** Remembers a change that comes while nobody waits. */
function createWatch(close: () => void): JobWatch & { wake(): void } {
  let pending = false;
  let resume: (() => void) | undefined;
  return {
    wake() {
      pending = true;
      resume?.();
    },
    async changed(signal) {
      if (!pending && !signal.aborted) {
        const { promise, resolve } = Promise.withResolvers<void>();
        const leave = (): void => resolve();
        resume = resolve;
        signal.addEventListener('abort', leave, { once: true });
        await promise;
        // A stream waits many times: what stayed on its signal would be kept until its end.
        signal.removeEventListener('abort', leave);
        resume = undefined;
      }
      pending = false;
    },
    close,
  };
}
