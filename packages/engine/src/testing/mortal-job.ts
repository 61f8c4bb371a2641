// Runs a job in a process that is killed, as far as that can be had in one: from a chosen moment on
// nothing that it does reaches its containers, its host or the directory that the next one gets.
import { cpSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@rivet/base';
import {
  type Container,
  type ContainerDriver,
  decorateContainer,
  decorateDriver,
  type OutputSink,
  type RunningCommand,
} from '@rivet/containers';
import type { JobOutcome, LogLine } from '@rivet/protocol';
import type { JobHost, JobObserver, JobSpec } from '../job.ts';
import type { JobResume, LineSource } from '../resume.ts';
import { runJob } from '../run-job.ts';

/** What outlives the processes of an attempt. */
export interface MortalJob {
  /** The lines that the host has kept, each with where it came from. */
  readonly lines: readonly (LogLine & { readonly source: LineSource })[];
  readonly outputs: ReadonlyMap<string, unknown>;
  /**
   * Runs the attempt, or goes on with it; undefined when its process was killed before it ended.
   * @param diesAt number or name of the moment at which it is killed; at none when undefined
   * @param changes what is other than in the processes before
   */
  run(
    diesAt?: number | string,
    changes?: { readonly spec?: Partial<JobSpec>; readonly host?: Partial<JobHost> },
  ): Promise<JobOutcome | undefined>;
  /** What the next process is told about the log. */
  readonly resume: JobResume;
  /** How many moments the last process lived through. */
  readonly moments: number;
  /** The journal of the last process. */
  readonly journal: string;
  remove(): Promise<void>;
}

type Given = Pick<JobHost, 'driver' | 'lua' | 'secrets'> & Partial<JobHost>;

/** What a process lives through, such as `ran make`; throws when it dies there. */
type Moment = (name: string) => void;

const KILLED = new Error('the process is dead');

/** @param host what stays the same in every process */
export async function createMortalJob(spec: JobSpec, host: Given): Promise<MortalJob> {
  const directory = await mkdtemp(join(tmpdir(), 'rivet-mortal-'));
  const workspace = join(directory, 'workspace');
  await mkdir(workspace);
  const lines: (LogLine & { source: LineSource })[] = [];
  const outputs = new Map<string, unknown>();
  let processes = 0;
  let moments = 0;

  return {
    lines,
    outputs,
    get resume() {
      return resumeOf(lines);
    },
    get moments() {
      return moments;
    },
    get journal() {
      return join(directory, `state-${processes - 1}`, 'journal');
    },
    async run(diesAt = Number.POSITIVE_INFINITY, changes = {}) {
      const stateDirectory = join(directory, `state-${processes}`);
      await mkdir(stateDirectory, { recursive: true });
      processes += 1;
      const successor = join(directory, `state-${processes}`);
      moments = 0;
      const death = new AbortController();
      const moment: Moment = (name) => {
        if (death.signal.aborted) throw KILLED;
        moments += 1;
        if (typeof diesAt === 'string' ? name !== diesAt : moments < diesAt) return;
        // What it writes from now on its successor does not see.
        cpSync(stateDirectory, successor, { recursive: true });
        death.abort(KILLED);
        throw KILLED;
      };
      const outcome = await runJob(
        { ...spec, ...changes.spec },
        {
          logger: silentLogger,
          workspace,
          stateDirectory,
          defaultImage: 'base',
          policy: {},
          limits: {
            lua: { cpuMs: 5000, memoryBytes: 128 * 1024 * 1024 },
            logBytesMax: 10 * 1024 * 1024,
            killGraceMs: 50,
            cancelGraceMs: 100,
            timeoutMs: 120_000,
          },
          labels: {},
          ...host,
          ...changes.host,
          driver: mortalDriver(host.driver, moment, death.signal),
          observer: mortalObserver(lines, outputs, moment),
          ...(processes === 1 ? {} : { resume: changes.host?.resume ?? resumeOf(lines) }),
        },
        death.signal,
      );
      return death.signal.aborted ? undefined : outcome;
    },
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}

function resumeOf(lines: MortalJob['lines']): JobResume {
  const printed = new Map<string, number>();
  for (const { source } of lines) printed.set(source.origin, source.end);
  return { lastLine: lines.length, logBytes: 0, printed };
}

function mortalObserver(
  lines: (LogLine & { source: LineSource })[],
  outputs: Map<string, unknown>,
  moment: Moment,
): JobObserver {
  return {
    line(line, source) {
      moment(`line ${line.text}`);
      lines.push({ ...line, source });
      moment(`kept ${line.text}`);
    },
    stage: ({ stage, state }) => moment(`stage ${stage} ${state}`),
    output(name, value) {
      moment(`output ${name}`);
      outputs.set(name, value);
    },
    summary: () => moment('summary'),
  };
}

/** The driver as a process sees it that may die: then it removes and ends nothing any more. */
function mortalDriver(
  driver: ContainerDriver,
  moment: Moment,
  death: AbortSignal,
): ContainerDriver {
  const mortal = (container: Container): Container => {
    return decorateContainer(container, {
      async run(command, sink) {
        const words = command.argv.join(' ');
        moment(`run ${words}`);
        const running = await container.run(command, sinkOf(words, moment, sink));
        moment(`ran ${words}`);
        return mortalCommand(running, words, moment, death);
      },
      async attach(command, sink) {
        const words = command.argv.join(' ');
        moment(`attach ${words}`);
        const found = await container.attach(command, sinkOf(words, moment, sink));
        return typeof found === 'string' ? found : mortalCommand(found, words, moment, death);
      },
      kill: async () => void (death.aborted || (await container.kill())),
      remove: async () => void (death.aborted || (await container.remove())),
    });
  };
  return decorateDriver(driver, {
    async start(spec, signal) {
      moment(`start ${spec.image}`);
      const container = await driver.start(spec, signal);
      moment(`started ${spec.image}`);
      return mortal(container);
    },
    async adopt(spec) {
      moment(`adopt ${spec.image}`);
      const container = await driver.adopt(spec);
      return container && mortal(container);
    },
    removeLabelled: async (labels) => (death.aborted ? 0 : await driver.removeLabelled(labels)),
    removeTree: async () => {},
  });
}

function sinkOf(words: string, moment: Moment, to: OutputSink): OutputSink {
  return async (stream, bytes) => {
    moment(`output of ${words}`);
    await to(stream, bytes);
  };
}

function mortalCommand(
  running: RunningCommand,
  words: string,
  moment: Moment,
  death: AbortSignal,
): RunningCommand {
  const killed = new Promise<never>((_, reject) => {
    death.addEventListener('abort', () => reject(KILLED), { once: true });
  });
  const exit = Promise.race([running.exit, killed]).then((ended) => {
    moment(`exit of ${words}`);
    return ended;
  });
  exit.catch(() => {});
  return {
    id: running.id,
    get pid() {
      return running.pid;
    },
    exit,
    async signal(name) {
      if (death.aborted) return;
      moment(`signal ${name}`);
      await running.signal(name);
      moment(`signaled ${name}`);
    },
    forget: () => void (death.aborted || running.forget()),
    async prepareNext(command, sink) {
      const next = command.argv.join(' ');
      moment(`prepare ${next}`);
      const prepared = await running.prepareNext(command, sinkOf(next, moment, sink));
      moment(`prepared ${next}`);
      if (prepared === undefined) return undefined;
      const begun = Promise.race([prepared.begun, killed]).then((command) => {
        if (command !== undefined) moment(`ran ${next}`);
        return command && mortalCommand(command, next, moment, death);
      });
      begun.catch(() => {});
      return { begun, withdraw: () => void (death.aborted || prepared.withdraw()) };
    },
  };
}
