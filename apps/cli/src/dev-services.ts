// The services of `rivet dev`: the database, and the orchestrator and the runner as child
// processes.
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import {
  createService,
  type Program,
  parseJsonObject,
  RivetError,
  type Service,
  withDeadline,
} from '@rivet/base';
import type { HostProcess } from '@rivet/processes';
import { describeEnd, startGuarded } from './guarded-program.ts';

/** What a program prints on standard output once it works. */
interface ReadyEvent {
  readonly event: string;
  readonly [key: string]: unknown;
}

export interface ProgramService extends Service {
  /** What it said when it was ready; undefined before. */
  readonly ready: ReadyEvent | undefined;
  /**
   * Rejects with RIVET_CLI_PROGRAM_ENDED when it ends without having been asked to; never resolves.
   */
  readonly failed: Promise<never>;
}

interface ProgramOptions {
  readonly program: Program;
  readonly env: () => Readonly<Record<string, string | undefined>>;
  /** Name of the event with which it says that it works. */
  readonly readyEvent: string;
  readonly readyMs: number;
  /** From TERM to KILL, in milliseconds. */
  readonly stopMs: number;
  /** A second signal: it gets another TERM, which means hurry. */
  readonly force: AbortSignal;
  /** Told of each line of its log, which goes to standard error as it is when this is absent. */
  readonly onLog?: ((line: string) => void) | undefined;
}

/**
 * A program of the installation as a service: started when it says so, stopped by TERM, then KILL.
 */
export function createProgramService(options: ProgramOptions): ProgramService {
  let child: HostProcess | undefined;
  let ready: ReadyEvent | undefined;
  let stopping = false;
  let fail: (error: RivetError) => void = () => undefined;
  const failed = new Promise<never>((_, reject) => {
    fail = reject;
  });
  // Whoever waits sees it; when nobody does, it is no unhandled rejection.
  failed.catch(() => undefined);
  const service = createService(options.program, {
    async start() {
      const { onLog } = options;
      const stderr = onLog === undefined ? 'inherit' : 'pipe';
      const started = startGuarded(options.program, options.env(), { stdout: 'pipe', stderr });
      child = started;
      if (onLog !== undefined) onLines(started.stderr, onLog);
      const ended = started.exit.then((exit) => {
        const ending = RivetError.of('RIVET_CLI_PROGRAM_ENDED', {
          program: options.program,
          how: describeEnd(exit),
        });
        if (!stopping) fail(ending);
        throw ending;
      });
      ended.catch(() => undefined);
      const { program, readyMs } = options;
      try {
        const waiting = Promise.race([readyLine(started, options.readyEvent), ended]);
        ready = await withDeadline(waiting, readyMs, () =>
          RivetError.of('RIVET_TIMEOUT', {
            what: `the start of the ${program}`,
            limit: `${readyMs} ms`,
          }),
        );
      } catch (error) {
        stopping = true;
        await started.stop(1000);
        throw error;
      }
    },
    async stop() {
      stopping = true;
      const hurry = (): void => void child?.kill('SIGTERM');
      options.force.addEventListener('abort', hurry, { once: true });
      await child?.stop(options.stopMs);
      options.force.removeEventListener('abort', hurry);
    },
  });
  return {
    ...service,
    failed,
    get ready() {
      return ready;
    },
  };
}

/** Waits for a program to end by itself, and gives what it said on the way. */
export interface PreparationService extends Service {
  /** What it said; undefined before the start has ended. */
  readonly said: ReadyEvent | undefined;
}

/**
 * A program that has done its work when it ends, as a service that has started then.
 * @param event name of the event with its result
 */
export function createPreparationService(
  program: Program,
  event: string,
  env: () => Readonly<Record<string, string | undefined>>,
): PreparationService {
  let child: HostProcess | undefined;
  let said: ReadyEvent | undefined;
  const service = createService(program, {
    async start() {
      const started = startGuarded(program, env(), { stdout: 'pipe' });
      child = started;
      const printed = started.stdout === undefined ? Promise.resolve('') : text(started.stdout);
      const [output, exit] = await Promise.all([printed, started.exit]);
      said = output
        .split('\n')
        .map(parseEvent)
        .find((value) => value?.event === event);
      if (exit.code === 0 && said !== undefined) return;
      const how = describeEnd(exit);
      throw RivetError.of('RIVET_CLI_PROGRAM_ENDED', { program, how });
    },
    stop: async () => void (await child?.stop(5000)),
  });
  return {
    ...service,
    get said() {
      return said;
    },
  };
}

/**
 * The first line of standard output that is the event; the rest is read and dropped, so that no
 * pipe fills.
 */
function readyLine(child: HostProcess, event: string): Promise<ReadyEvent> {
  return new Promise((resolve) => {
    onLines(child.stdout, (line) => {
      const value = parseEvent(line);
      if (value?.event === event) resolve(value);
    });
  });
}

function onLines(stream: Readable | undefined, told: (line: string) => void): void {
  if (stream !== undefined) createInterface({ input: stream }).on('line', told);
}

function parseEvent(line: string): ReadyEvent | undefined {
  const value = parseJsonObject(line);
  return value !== undefined && 'event' in value ? (value as ReadyEvent) : undefined;
}
