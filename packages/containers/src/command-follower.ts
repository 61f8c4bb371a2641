// Follows one command of a container from when it was asked for to its exit.
import { constants } from 'node:os';
import { formatDuration, isRivetError, RivetError } from '@rivet/base';
import { type CommandHost, checkSignal, describeExit } from './command-end.ts';
import type { CommandFiles } from './command-files.ts';
import type { TakenSlot } from './command-slots.ts';
import type { ControlDirectory } from './control-directory.ts';
import type { CommandExit, CommandSpec, OutputSink, OutputStream } from './driver.ts';
import { followOutput } from './output-follower.ts';
import { readStatus, type Status } from './status-file.ts';

const POLL_MS = 250;
/** Output of a stream that may wait on disk before its command is held back, in bytes. */
const BACKLOG_BYTES_MAX = 64 * 1024 * 1024;
/** The same with which another command may begin after it. */
const UNREAD_BYTES_MAX = 256 * 1024;
/**
 * How often the agent is asked whether the process that watches a command is still there. It goes
 * on then if something stopped it, and so does what waits in a slot for too long.
 */
const CHECK_INTERVAL_MS = 2_000;
/** How long a request may wait for the agent on a busy machine. */
const START_TIMEOUT_MS = 60_000;
/**
 * How long from there to the start of the command; longer when no process can be started any more.
 */
const FORK_TIMEOUT_MS = 15_000;

/** A command as it was asked for. */
export interface Asked {
  readonly host: CommandHost;
  readonly control: ControlDirectory;
  readonly command: CommandSpec;
  readonly request: string;
  readonly sink: OutputSink;
}

/** What is to follow a command. */
export interface Successor {
  /** It is not to begin any more. */
  withdraw(): void;
  /** The command has ended; undefined when nobody knows how. Never throws; tells whether it begins. */
  settle(end: Status | undefined): boolean;
}

/** Why a command did not start: what waited in its slot ended before it had read the request. */
export const SLOT_LOST = new Error('the slot of a command was lost');

export class CommandFollower {
  readonly id: string;
  readonly started: Promise<void>;
  readonly #host: CommandHost;
  readonly #control: ControlDirectory;
  readonly #command: CommandSpec;
  readonly #sink: OutputSink;
  readonly #files: CommandFiles;
  readonly #slot: Pick<TakenSlot, 'begun'> | undefined;
  readonly #askedAt: number;
  readonly #begun = Promise.withResolvers<void>();
  readonly #exit = Promise.withResolvers<CommandExit>();
  /** Whether what it was started from may still be there. */
  #hasRequest = true;
  #pid: number | undefined;
  /** The process that waits for it, which may be said only once. */
  #supervisor: number | undefined;
  /** The streams that are too far ahead of whoever reads them; the command stands still meanwhile. */
  readonly #ahead = new Set<OutputStream>();
  #takenAt: number | undefined;
  /** When the start was told on its own, and when the end was. */
  #startedAt: number | undefined;
  #exitedAt: number | undefined;
  #state: 'running' | 'exited' | 'gone' = 'running';
  /** Processes that a limit had refused the container when it was asked for. */
  readonly #refusedBefore: number;
  #successor: Successor | undefined;
  #isSignalled = false;
  #isFollowed = false;
  readonly #over = Promise.withResolvers<void>();

  /** @param askedAt as `performance.now()` counts */
  constructor(
    asked: Asked,
    files: CommandFiles,
    slot?: Pick<TakenSlot, 'begun'>,
    askedAt: number = performance.now(),
  ) {
    this.id = asked.command.id;
    this.#askedAt = askedAt;
    this.#host = asked.host;
    this.#control = asked.control;
    this.#command = asked.command;
    this.#sink = asked.sink;
    this.#files = files;
    this.#slot = slot;
    this.#refusedBefore = asked.host.countRefusals();
    this.started = this.#begun.promise;
    // Whoever does not look at the exit is not to end the program.
    this.#exit.promise.catch(() => undefined);
    this.#begun.promise.catch(() => undefined);
  }

  get pid(): number | undefined {
    return this.#pid;
  }

  get exit(): Promise<CommandExit> {
    return this.#exit.promise;
  }

  /** Resolves when it has ended, or nobody knows of it any more: maybe long before `exit`. */
  get over(): Promise<void> {
    return this.#over.promise;
  }

  /** What its files are called. */
  get name(): string {
    return this.#files.name;
  }

  /** Whether another may begin when it ends: not where a signal may have been what ended it. */
  get mayBeFollowed(): boolean {
    return this.#state === 'running' && !this.#isSignalled && this.#successor === undefined;
  }

  /** Whether its shell has said that the slot `name` goes on after it. */
  saysNext(name: string): boolean {
    return readStatus(this.#files.status).next === name;
  }

  followedBy(successor: Successor): void {
    this.#successor = successor;
  }

  async signal(name: string): Promise<void> {
    const signal = checkSignal(name);
    this.#withdrawSuccessor();
    if (this.#state !== 'running' || this.#pid === undefined) return;
    await this.#control.send(`signal ${this.#pid} ${signal}`);
    // A command that is held back takes the signal only when it goes on.
    if (this.#ahead.size > 0 && signal !== 'KILL') {
      this.#ahead.clear();
      await this.#control.send(`signal ${this.#pid} CONT`);
    }
  }

  #withdrawSuccessor(): void {
    this.#isSignalled = true;
    this.#successor?.withdraw();
  }

  /** Another process may have held the command back, which then nobody else lets go on. */
  expectHeldBack(): void {
    for (const stream of ['stdout', 'stderr'] as const) {
      if (this.#files[stream].size > BACKLOG_BYTES_MAX) this.#ahead.add(stream);
    }
  }

  /** Holds the command back while more output waits than anybody could want on a disk. */
  async #brake(stream: OutputStream, backlogBytes: number): Promise<void> {
    // So much of what it prints may have a say in whether the job goes on.
    if (backlogBytes > UNREAD_BYTES_MAX) this.#successor?.withdraw();
    if (this.#state !== 'running' || this.#pid === undefined) return;
    if (backlogBytes > BACKLOG_BYTES_MAX && !this.#ahead.has(stream)) {
      this.#ahead.add(stream);
      if (this.#ahead.size === 1) await this.#control.send(`signal ${this.#pid} STOP`);
    } else if (backlogBytes < BACKLOG_BYTES_MAX / 8 && this.#ahead.delete(stream)) {
      if (this.#ahead.size === 0) await this.#control.send(`signal ${this.#pid} CONT`);
    }
  }

  follow(): void {
    const outputs = (['stdout', 'stderr'] as const).map((stream) =>
      followOutput({
        file: this.#files[stream],
        mark: this.#files.mark,
        wakeup: this.#control.wakeup(this.#files, stream),
        state: () => this.#state,
        sink: (bytes) => this.#sink(stream, bytes),
        backlog: (bytes) => void this.#brake(stream, bytes).catch(() => undefined),
      }).catch((error: unknown) => {
        this.#withdrawSuccessor();
        // Output that nobody takes must not fill the disk. Its start may be heard of only later.
        this.started.then(() => this.signal('KILL')).catch(() => undefined);
        throw error;
      }),
    );
    const status = this.#watchStatus();
    void this.#finish(status, outputs);
  }

  /** Lets go of a command that never ran. */
  drop(): void {
    this.#dropFiles();
    this.forget();
  }

  forget(): void {
    if (this.#state === 'running' && this.#pid !== undefined) return;
    this.#control.dropFiles(this.#files);
    if (this.#command.keep === true) this.#control.dropRecord(this.id);
  }

  #dropFiles(): void {
    this.#dropRequest();
    this.#control.dropFiles(this.#files);
  }

  #dropRequest(): void {
    if (this.#hasRequest) {
      this.#control.dropRequest(this.#files.name, this.#command.stdin !== undefined);
    }
    this.#hasRequest = false;
  }

  async #finish(status: Promise<Status>, outputs: readonly Promise<void>[]): Promise<void> {
    const [ended, ...given] = await Promise.allSettled([status, ...outputs]);
    if ([ended, ...given].every((result) => result?.status === 'fulfilled')) {
      // Whoever waits for the end goes on first.
      setImmediate(() => (this.#command.keep === true ? this.#dropRequest() : this.#dropFiles()));
    } else {
      this.#dropFiles();
    }
    try {
      if (ended?.status === 'rejected') throw ended.reason;
      // It did start: only the exit tells of output that nobody took.
      this.#begun.resolve();
      const failure = given.find((result) => result.status === 'rejected');
      if (failure !== undefined) throw failure.reason;
      const exit = await this.#describeExit(await status);
      this.#exit.resolve(exit);
    } catch (error) {
      // Of one that ran the record stays: nobody is to run it again.
      if (this.#pid === undefined && isNoStart(error)) this.forget();
      this.#begun.reject(error);
      this.#exit.reject(error);
    }
  }

  /** Resolves with the status that has an exit code. */
  async #watchStatus(): Promise<Status> {
    try {
      const status = await this.#awaitExit();
      this.#setState('exited', status);
      return status;
    } catch (error) {
      this.#setState('gone', undefined);
      throw error;
    }
  }

  async #awaitExit(): Promise<Status> {
    const wakeup = this.#control.wakeup(this.#files, 'status');
    let checkAt = performance.now() + CHECK_INTERVAL_MS;
    let alive = true;
    for (;;) {
      const status = readStatus(this.#files.status);
      if (this.#hasEnded(status)) return status;
      if (!alive) {
        throw RivetError.of('RIVET_CONTAINER_LOST', {
          container: this.#host.name,
          reason: await this.#host.describeEnd(),
        });
      }
      this.#noteStart(status);
      if (status.lost) return await this.#endLost(status);
      this.#supervisor = status.supervisor ?? this.#supervisor;
      if (this.#supervisor !== undefined && performance.now() > checkAt) {
        checkAt = performance.now() + CHECK_INTERVAL_MS;
        await this.#control.send(`check ${this.#files.name} ${this.#supervisor}`);
        if (this.#pid === undefined && status.waitingPid !== undefined) {
          await this.#control.send(`signal ${status.waitingPid} CONT`);
        }
      }
      const sleptAt = performance.now();
      await wakeup.wait(POLL_MS);
      // Who wrote something lives. Asked before the file is read again: what was written before the
      // end is then surely seen.
      if (performance.now() - sleptAt >= POLL_MS - 1) alive = await this.#host.isAlive();
    }
  }

  /** Whoever killed its watcher killed everything it could; the rest of it is killed here. */
  async #endLost(status: Status): Promise<Status> {
    if (status.refused) {
      throw RivetError.of('RIVET_CONTAINER_PROCESS_REFUSED', { container: this.#host.name });
    }
    const waited = this.#pid === undefined ? status.waitingPid : undefined;
    this.#pid ??= waited;
    await this.signal('KILL');
    if (waited !== undefined && this.#slot !== undefined) {
      await this.#control.caughtUp(this.#host.name);
      // It says so before it becomes the program, and it says nothing any more.
      this.#slot.begun();
      if (readStatus(this.#files.status).onlyWaited) throw SLOT_LOST;
    }
    this.#exitedAt = performance.now();
    return { ...status, exitCode: 128 + constants.signals.SIGKILL };
  }

  /** Whether it ended, as far as `status` tells; throws when it never began. */
  #hasEnded(status: Status): boolean {
    if (status.exitCode === undefined && status.failed !== 'cwd') return false;
    this.#slot?.begun();
    if (status.failed === 'cwd') {
      throw RivetError.of('RIVET_CONTAINER_CWD_MISSING', { cwd: this.#command.cwd });
    }
    // Only where nobody wrote anything else: what was begun is not to run again.
    if (this.#slot !== undefined && this.#pid === undefined && status.onlyWaited) throw SLOT_LOST;
    this.#exitedAt = performance.now();
    return true;
  }

  #noteStart(status: Status): void {
    if (this.#pid !== undefined) return;
    if (status.pid !== undefined) {
      this.#pid = status.pid;
      this.#startedAt = performance.now();
      this.#slot?.begun();
      this.#dropRequest();
      this.#begun.resolve();
      return;
    }
    if (status.taken) this.#takenAt ??= performance.now();
    const limitMs = this.#takenAt === undefined ? START_TIMEOUT_MS : FORK_TIMEOUT_MS;
    if (performance.now() - (this.#takenAt ?? this.#askedAt) > limitMs) {
      throw RivetError.of('RIVET_CONTAINER_AGENT_SILENT', {
        container: this.#host.name,
        limit: formatDuration(limitMs),
      });
    }
  }

  #setState(state: 'exited' | 'gone', end: Status | undefined): void {
    this.#state = state;
    this.#isFollowed = this.#successor?.settle(end) === true || end?.next !== undefined;
    this.#over.resolve();
    for (const stream of ['stdout', 'stderr'] as const) {
      this.#control.wakeup(this.#files, stream).notify();
    }
    this.#control.hurry(this.#files);
  }

  #describeExit(status: Status): Promise<CommandExit> {
    return describeExit(this.#host, {
      directory: this.#control.path,
      exitCode: status.exitCode ?? 0,
      failed: causeOf(status.failed),
      refusedBefore: this.#refusedBefore,
      followed: this.#isFollowed,
      durationMs: (this.#exitedAt ?? 0) - (this.#startedAt ?? this.#askedAt),
    });
  }
}

/** Whether this tells that nothing of a command ran. */
function isNoStart(error: unknown): boolean {
  return error === SLOT_LOST || isRivetError(error, 'RIVET_CONTAINER_CWD_MISSING');
}

function causeOf(failed: string | undefined): CommandExit['cause'] {
  return failed === 'not-found' || failed === 'not-executable' ? failed : undefined;
}
