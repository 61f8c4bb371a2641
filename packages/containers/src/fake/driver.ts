// A driver without containers for the tests of what is built on drivers: commands follow a script.
import { constants } from 'node:os';
import { RivetError } from '@rivet/base';
import { checkLabels, checkSpec } from '../container-spec.ts';
import type {
  Attachment,
  CommandExit,
  CommandSpec,
  Container,
  ContainerDriver,
  ContainerSpec,
  OutputSink,
  PullPolicy,
  RunningCommand,
} from '../driver.ts';
import type { BuildSpec } from '../image-operations.ts';
import { isImageId, parseImageName } from '../images.ts';
import { checkCommand } from '../request.ts';
import { fakeImages } from './images.ts';
import { FakeSuccessor } from './successor.ts';

/** What a scripted command does. */
export interface FakeOutcome {
  readonly stdout?: string | Uint8Array;
  readonly stderr?: string | Uint8Array;
  /** 0 when absent. */
  readonly exitCode?: number;
  readonly cause?: CommandExit['cause'];
  /** From its output to its exit; Infinity: until a signal. 0 when absent. */
  readonly delayMs?: number;
  /** Signals that do not end it; KILL always does. */
  readonly ignores?: readonly string[];
}

/** What the delays of scripted commands go by. */
interface FakeClock {
  /** Milliseconds, from whenever. */
  now(): number;
  /** Calls `fire` after `ms`; what it returns cancels that. */
  after(ms: number, fire: () => void): () => void;
}

/** A command as the script sees it; `env` holds the variables of its container too. */
export interface FakeCommand extends CommandSpec {
  readonly container: ContainerSpec;
}

export interface FakeDriverOptions {
  /** Says what a command does; undefined: there is no such program. Throwing makes `run` fail. */
  readonly commands?: (
    command: FakeCommand,
  ) => FakeOutcome | undefined | Promise<FakeOutcome | undefined>;
  /** Says how a build ends; throwing makes it fail. */
  readonly builds?: (spec: BuildSpec) => FakeOutcome | Promise<FakeOutcome>;
  /** Images that exist in the registry; every one when absent. */
  readonly images?: readonly string[];
  /** The time of this machine when absent. */
  readonly clock?: FakeClock;
}

export interface FakeDriver extends ContainerDriver {
  /** Every container that was ever started, in order. */
  readonly started: readonly ContainerSpec[];
  /** Names of the containers that run now. */
  readonly running: readonly string[];
  /** Every command, in the order of their starts. */
  readonly commands: readonly FakeCommand[];
  /** Images that were asked for. */
  readonly ensured: readonly { readonly image: string; readonly pull: PullPolicy }[];
  /** What images were built from, in order; the first one has the id 1 with zeros before it. */
  readonly built: readonly BuildSpec[];
  readonly pushed: readonly {
    readonly id: string;
    readonly name: string;
    readonly authFile: string | undefined;
  }[];
  /** Directories that were to be removed; nothing on the disk is. */
  readonly removedTrees: readonly string[];
  /** Lets a container vanish as if someone had removed it. */
  lose(name: string, reason: string): void;
}

/** Makes a fake driver; it checks what it is given like the real ones and keeps all of it. */
export function createFakeDriver(options: FakeDriverOptions = {}): FakeDriver {
  const containers = new Map<string, FakeContainer>();
  const started: ContainerSpec[] = [];
  const commands: FakeCommand[] = [];
  const ensured: { image: string; pull: PullPolicy }[] = [];
  const removedTrees: string[] = [];
  const built: BuildSpec[] = [];
  const pushed: { id: string; name: string; authFile: string | undefined }[] = [];
  const script = options.commands ?? (() => ({}));
  const clock = options.clock ?? realClock;
  return {
    name: 'fake',
    started,
    commands,
    ensured,
    removedTrees,
    built,
    pushed,
    get running() {
      return [...containers.values()].filter(({ ended }) => !ended).map(({ name }) => name);
    },
    lose(name, reason) {
      containers.get(name)?.end(reason);
      containers.delete(name);
    },
    async check() {
      return [{ subject: 'fake', ok: true, seen: 'nothing is run', fix: undefined }];
    },
    async ensureImage(image, { pull, signal }) {
      signal?.throwIfAborted();
      if (!isImageId(image)) parseImageName(image);
      ensured.push({ image, pull });
      if (options.images?.includes(image) === false) throw notFound(image);
      return undefined;
    },
    ...fakeImages(options, (image) => ensured.push(image), built, pushed),
    async start(spec, signal) {
      signal?.throwIfAborted();
      checkSpec(spec);
      if (options.images?.includes(spec.image) === false) throw notFound(spec.image);
      if (spec.beside !== undefined && !containers.has(spec.beside)) {
        const reason = 'there is no such container';
        throw RivetError.of('RIVET_CONTAINER_LOST', { container: spec.beside, reason });
      }
      if (containers.has(spec.name)) {
        throw RivetError.of('RIVET_CONTAINER_PODMAN_FAILED', {
          action: `start a container of ${spec.image}`,
          reason: `the name ${spec.name} is in use`,
        });
      }
      const remove = (): boolean => containers.delete(spec.name);
      const container = new FakeContainer(spec, script, clock, commands, remove);
      containers.set(spec.name, container);
      started.push(spec);
      return container;
    },
    async adopt(spec) {
      checkSpec(spec);
      const container = containers.get(spec.name);
      return container?.ended === false ? container : undefined;
    },
    async list(labels) {
      checkLabels(labels);
      return [...containers.values()]
        .filter(({ spec }) => hasLabels(spec, labels))
        .map(({ spec: { name, image, labels }, ended }) => ({
          name,
          image,
          labels,
          running: !ended,
        }));
    },
    async removeLabelled(labels) {
      if (Object.keys(labels).length === 0) {
        throw RivetError.of('RIVET_CONTAINER_SPEC_INVALID', {
          field: 'the labels',
          found: 'empty',
          expected: 'at least one',
        });
      }
      const found = [...containers.values()].filter(({ spec }) => hasLabels(spec, labels));
      await Promise.all(found.map((container) => container.remove()));
      return found.length;
    },
    async removeNamed(names) {
      await Promise.all(names.map((name) => containers.get(name)?.remove()));
    },
    async removeTree(path) {
      removedTrees.push(path);
    },
    listLeftNetworks: async () => [],
    removeLeftNetworks: async () => 0,
    storageDirectory: async () => undefined,
    async close() {},
  };
}

class FakeContainer implements Container {
  readonly spec: ContainerSpec;
  readonly #script: NonNullable<FakeDriverOptions['commands']>;
  readonly #clock: FakeClock;
  readonly #log: FakeCommand[];
  readonly #forget: () => void;
  readonly #ending = Promise.withResolvers<never>();
  /** Commands that can be attached to, by their ids. */
  readonly #kept = new Map<string, FakeProcess>();
  ended = false;

  constructor(
    spec: ContainerSpec,
    script: NonNullable<FakeDriverOptions['commands']>,
    clock: FakeClock,
    log: FakeCommand[],
    forget: () => void,
  ) {
    this.spec = spec;
    this.#script = script;
    this.#clock = clock;
    this.#log = log;
    this.#forget = forget;
    this.#ending.promise.catch(() => undefined);
  }

  get name(): string {
    return this.spec.name;
  }

  get image(): string {
    return this.spec.image;
  }

  async isRunning(): Promise<boolean> {
    return !this.ended;
  }

  moved(): void {
    // It has no directory.
  }

  async run(command: CommandSpec, sink: OutputSink): Promise<RunningCommand> {
    checkCommand(command, this.spec.env);
    const env = { ...this.spec.env, ...command.env };
    const scripted: FakeCommand = { ...command, env, container: this.spec };
    this.#log.push(scripted);
    const pid = this.#log.length;
    const outcome = await this.#script(scripted);
    // The container may be gone already.
    await Promise.race([this.#ending.promise, Promise.resolve()]);
    const successor = new FakeSuccessor((next, nextSink) => this.run(next, nextSink));
    const process = new FakeProcess(command, outcome, pid, this.#clock, successor);
    if (command.keep === true) this.#kept.set(command.id, process);
    return this.#follow(command.id, process, sink);
  }

  async attach(command: CommandSpec, sink: OutputSink): Promise<Attachment> {
    checkCommand(command, this.spec.env);
    const process = this.#kept.get(command.id);
    return process === undefined ? 'not-started' : this.#follow(command.id, process, sink);
  }

  #follow(id: string, process: FakeProcess, sink: OutputSink): RunningCommand {
    const ended = Promise.race([process.follow(sink), this.#ending.promise]);
    const { successor } = process;
    const exit = ended
      .finally(() => successor.settle(ended))
      .then(async (end) => ({ ...end, followed: await successor.settle(ended) }));
    exit.catch(() => undefined);
    return {
      id,
      pid: process.pid,
      exit,
      signal(name) {
        successor.withdraw();
        return process.signal(name);
      },
      forget: () => void this.#kept.delete(id),
      prepareNext: async (command, sink) => successor.prepare(command, sink),
    };
  }

  knows(id: string): boolean {
    return this.#kept.has(id);
  }

  async kill(): Promise<void> {
    this.end('Rivet removed it');
  }

  async remove(): Promise<void> {
    this.end('Rivet removed it');
    this.#forget();
  }

  end(reason: string): void {
    this.ended = true;
    this.#ending.reject(
      RivetError.of('RIVET_CONTAINER_LOST', { container: this.spec.name, reason }),
    );
  }
}

const realClock: FakeClock = {
  now: () => performance.now(),
  after(ms, fire) {
    if (ms === Number.POSITIVE_INFINITY) return () => {};
    const timer = setTimeout(fire, ms);
    return () => clearTimeout(timer);
  },
};

/** What a command does, whoever follows it. */
class FakeProcess {
  readonly pid: number | undefined;
  readonly successor: FakeSuccessor;
  readonly #outcome: FakeOutcome;
  readonly #clock: FakeClock;
  readonly #startedAt: number;
  readonly #killed = Promise.withResolvers<string>();
  #ended: Promise<CommandExit> | undefined;

  constructor(
    command: CommandSpec,
    outcome: FakeOutcome | undefined,
    pid: number,
    clock: FakeClock,
    successor: FakeSuccessor,
  ) {
    this.successor = successor;
    this.#clock = clock;
    this.#startedAt = clock.now();
    this.pid = outcome === undefined ? undefined : pid;
    const program = command.argv[0] ?? '';
    this.#outcome = outcome ?? {
      stderr: `rivet: ${program}: not found\n`,
      exitCode: 127,
      cause: 'not-found',
    };
  }

  async signal(name: string): Promise<void> {
    const signal = name.replace(/^SIG/, '');
    if (!Object.hasOwn(constants.signals, `SIG${signal}`)) {
      throw RivetError.of('RIVET_CONTAINER_COMMAND_INVALID', {
        field: 'the signal',
        found: JSON.stringify(name),
        expected: 'a name such as TERM, KILL, INT or HUP',
      });
    }
    const ignores = this.#outcome.ignores ?? [];
    if (signal === 'KILL' || !ignores.includes(signal)) this.#killed.resolve(`SIG${signal}`);
  }

  /** Gives all its output to the sink; it ends only when one sink has taken it. */
  async follow(sink: OutputSink): Promise<CommandExit> {
    const { stdout, stderr } = this.#outcome;
    if (stdout !== undefined) await sink('stdout', bytesOf(stdout));
    if (stderr !== undefined) await sink('stderr', bytesOf(stderr));
    this.#ended ??= this.#end();
    return await this.#ended;
  }

  async #end(): Promise<CommandExit> {
    const signal = await this.#delay(this.#outcome.delayMs ?? 0);
    const durationMs = Math.round(this.#clock.now() - this.#startedAt);
    if (signal === undefined) {
      const { exitCode = 0, cause } = this.#outcome;
      return { exitCode, signal: undefined, cause, durationMs };
    }
    const number = constants.signals[signal as keyof typeof constants.signals];
    return { exitCode: 128 + number, signal, cause: undefined, durationMs };
  }

  /** Resolves after the delay, or with the signal that cut it off. */
  async #delay(delayMs: number): Promise<string | undefined> {
    if (delayMs <= 0) return undefined;
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const cancel = this.#clock.after(delayMs, () => resolve(undefined));
    try {
      return await Promise.race([promise, this.#killed.promise]);
    } finally {
      cancel();
    }
  }
}

function hasLabels(spec: ContainerSpec, labels: Readonly<Record<string, string>>): boolean {
  return Object.entries(labels).every(([key, value]) => spec.labels[key] === value);
}

function bytesOf(output: string | Uint8Array): Uint8Array {
  return typeof output === 'string' ? Buffer.from(output) : output;
}

export function notFound(image: string): RivetError {
  return RivetError.of('RIVET_CONTAINER_IMAGE_NOT_FOUND', {
    image,
    reason: 'no such image was given to the fake',
  });
}
