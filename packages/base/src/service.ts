// Everything that runs for a long time is a service: started once, stopped once, in a known order.

/**
 * A long-running thing. Stopping twice, or before it started, is safe and waits for the first stop.
 */
export interface Service {
  readonly name: string;
  /** Resolves when it works; rejects when it cannot, leaving nothing behind. */
  start(): Promise<void>;
  /** Resolves when all it owned is gone. Never rejects for what it can clean up itself. */
  stop(): Promise<void>;
}

/** The two verbs of a service and the bookkeeping between them. */
export interface ServiceBody {
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Makes a service that starts at most once and stops at most once, whatever the callers do. */
export function createService(name: string, body: ServiceBody): Service {
  let started: Promise<void> | undefined;
  let stopped: Promise<void> | undefined;
  return {
    name,
    start() {
      if (stopped !== undefined) return Promise.reject(new Error(`${name} was stopped already`));
      started ??= body.start();
      return started;
    },
    stop() {
      stopped ??= (async () => {
        // A start under way is let finish first: half-started things cannot be stopped.
        await started?.catch(() => undefined);
        if (started !== undefined) await body.stop();
      })();
      return stopped;
    },
  };
}

/** Starts in order; when one fails, stops those that run, last first, and throws its error. */
export async function startAll(services: readonly Service[]): Promise<void> {
  const running: Service[] = [];
  try {
    for (const service of services) {
      await service.start();
      running.push(service);
    }
  } catch (error) {
    await stopAll(running);
    throw error;
  }
}

/**
 * Stops all, last first; one that fails does not keep the others running. Throws the first error.
 */
export async function stopAll(services: readonly Service[]): Promise<void> {
  const errors: unknown[] = [];
  for (const service of services.toReversed()) {
    await service.stop().catch((error: unknown) => errors.push(error));
  }
  if (errors.length > 0) throw errors[0];
}
