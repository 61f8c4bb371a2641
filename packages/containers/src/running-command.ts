// Follows one command of a container from the request to its exit.
import { statfs } from 'node:fs/promises';
import { constants } from 'node:os';
import { formatDuration, RivetError } from '@rivet/base';
import { type CommandFiles, type ControlDirectory, printfMark } from './control-directory.ts';
import type {
  CommandExit,
  CommandSpec,
  OutputSink,
  OutputStream,
  RunningCommand,
} from './driver.ts';
import { followOutput } from './output-follower.ts';
import { checkCommand, writeRequest } from './request.ts';

const POLL_MS = 250;
/** With less room than this nothing can be written any more, in bytes. */
const DISK_BYTES_MIN = 64 * 1024;
/** Output of a stream that may wait on disk before its command is held back, in bytes. */
const BACKLOG_BYTES_MAX = 64 * 1024 * 1024;
/** How often the agent is asked whether the process that watches a command is still there. */
const CHECK_INTERVAL_MS = 2_000;
/** How long a request may wait for the agent on a busy machine. */
const START_TIMEOUT_MS = 60_000;
/**
 * How long from there to the start of the command; longer when no process can be started any more.
 */
const FORK_TIMEOUT_MS = 15_000;
const STATUS_BYTES_MAX = 4_096;

/** What a command must know of its container. */
export interface CommandHost {
  readonly name: string;
  readonly control: ControlDirectory;
  /** Variables that every command has, under its own. */
  readonly env: Readonly<Record<string, string>>;
  isAlive(): Promise<boolean>;
  /** Why it is not alive. */
  describeEnd(): Promise<string>;
  /** Whether the kernel killed a process of it for lack of memory since this was last asked. */
  ranOutOfMemory(): Promise<boolean>;
}

/** Starts a command through the agent; resolves when it runs, or ended at once. */
export async function runCommand(
  host: CommandHost,
  command: CommandSpec,
  sink: OutputSink,
): Promise<RunningCommand> {
  checkCommand(command, host.env);
  const files = await host.control.prepare(
    command.id,
    writeRequest(command, host.env),
    command.stdin,
  );
  const follower = new CommandFollower(host, command, files);
  try {
    await host.control.send(`run ${command.id} ${printfMark(files.mark)}`);
  } catch (error) {
    await host.control.drop(command.id, files);
    throw error;
  }
  follower.follow(sink);
  await follower.started;
  return follower;
}

/** What the status file says so far. */
interface Status {
  readonly taken: boolean;
  readonly pid: number | undefined;
  readonly supervisor: number | undefined;
  readonly failed: string | undefined;
  readonly exitCode: number | undefined;
  readonly lost: boolean;
}

class CommandFollower implements RunningCommand {
  readonly id: string;
  readonly started: Promise<void>;
  readonly #host: CommandHost;
  readonly #command: CommandSpec;
  readonly #files: CommandFiles;
  readonly #startedAt = performance.now();
  readonly #begun = Promise.withResolvers<void>();
  readonly #exit = Promise.withResolvers<CommandExit>();
  #pid: number | undefined;
  /** The streams that are too far ahead of whoever reads them; the command stands still meanwhile. */
  readonly #ahead = new Set<OutputStream>();
  #takenAt: number | undefined;
  #state: 'running' | 'exited' | 'gone' = 'running';

  constructor(host: CommandHost, command: CommandSpec, files: CommandFiles) {
    this.id = command.id;
    this.#host = host;
    this.#command = command;
    this.#files = files;
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

  async signal(name: string): Promise<void> {
    const signal = name.replace(/^SIG/, '');
    if (!Object.hasOwn(constants.signals, `SIG${signal}`)) {
      throw RivetError.of('RIVET_CONTAINER_COMMAND_INVALID', {
        field: 'the signal',
        found: JSON.stringify(name),
        expected: 'a name such as TERM, KILL, INT or HUP',
      });
    }
    if (this.#state !== 'running' || this.#pid === undefined) return;
    await this.#host.control.send(`signal ${this.#pid} ${signal}`);
    // A command that is held back takes the signal only when it goes on.
    if (this.#ahead.size > 0 && signal !== 'KILL') {
      this.#ahead.clear();
      await this.#host.control.send(`signal ${this.#pid} CONT`);
    }
  }

  /** Holds the command back while more output waits than anybody could want on a disk. */
  async #brake(stream: OutputStream, backlogBytes: number): Promise<void> {
    if (this.#state !== 'running' || this.#pid === undefined) return;
    if (backlogBytes > BACKLOG_BYTES_MAX && !this.#ahead.has(stream)) {
      this.#ahead.add(stream);
      if (this.#ahead.size === 1) await this.#host.control.send(`signal ${this.#pid} STOP`);
    } else if (backlogBytes < BACKLOG_BYTES_MAX / 8 && this.#ahead.delete(stream)) {
      if (this.#ahead.size === 0) await this.#host.control.send(`signal ${this.#pid} CONT`);
    }
  }

  follow(sink: OutputSink): void {
    const outputs = (['stdout', 'stderr'] as const).map((stream) =>
      followOutput({
        file: this.#files[stream],
        mark: this.#files.mark,
        wakeup: this.#host.control.wakeup(this.id, stream),
        state: () => this.#state,
        sink: (bytes) => sink(stream, bytes),
        backlog: (bytes) => void this.#brake(stream, bytes).catch(() => undefined),
      }).catch(async (error: unknown) => {
        // Output that nobody takes must not fill the disk.
        await this.signal('KILL').catch(() => undefined);
        throw error;
      }),
    );
    const status = this.#watchStatus();
    void this.#finish(status, outputs);
  }

  async #finish(status: Promise<Status>, outputs: readonly Promise<void>[]): Promise<void> {
    const [ended, ...given] = await Promise.allSettled([status, ...outputs]);
    await this.#host.control.drop(this.id, this.#files).catch(() => undefined);
    try {
      if (ended?.status === 'rejected') throw ended.reason;
      // It did start: only the exit tells of output that nobody took.
      this.#begun.resolve();
      const failure = given.find((result) => result.status === 'rejected');
      if (failure !== undefined) throw failure.reason;
      const exit = await this.#describeExit(await status);
      this.#exit.resolve(exit);
    } catch (error) {
      this.#begun.reject(error);
      this.#exit.reject(error);
    }
  }

  /** Resolves with the status that has an exit code. */
  async #watchStatus(): Promise<Status> {
    try {
      const status = await this.#awaitExit();
      this.#setState('exited');
      return status;
    } catch (error) {
      this.#setState('gone');
      throw error;
    }
  }

  async #awaitExit(): Promise<Status> {
    const wakeup = this.#host.control.wakeup(this.id, 'status');
    let checkAt = performance.now() + CHECK_INTERVAL_MS;
    for (;;) {
      // Asked before the file is read: what it wrote before its end is then surely seen.
      const alive = await this.#host.isAlive();
      const status = await this.#readStatus();
      if (status.exitCode !== undefined) return status;
      if (status.failed === 'cwd') {
        throw RivetError.of('RIVET_CONTAINER_CWD_MISSING', { cwd: this.#command.cwd });
      }
      if (!alive) {
        throw RivetError.of('RIVET_CONTAINER_LOST', {
          container: this.#host.name,
          reason: await this.#host.describeEnd(),
        });
      }
      await this.#noteStart(status);
      if (status.lost) {
        // Whoever killed its watcher killed everything it could; the rest of it is killed here.
        await this.signal('KILL');
        return { ...status, exitCode: 128 + constants.signals.SIGKILL };
      }
      if (status.supervisor !== undefined && performance.now() > checkAt) {
        checkAt = performance.now() + CHECK_INTERVAL_MS;
        await this.#host.control.send(`check ${this.id} ${status.supervisor}`);
      }
      await wakeup.wait(POLL_MS);
    }
  }

  async #noteStart(status: Status): Promise<void> {
    if (this.#pid !== undefined) return;
    if (status.pid !== undefined) {
      this.#pid = status.pid;
      await this.#host.control.dropRequest(this.id);
      this.#begun.resolve();
      return;
    }
    if (status.taken) this.#takenAt ??= performance.now();
    const limitMs = this.#takenAt === undefined ? START_TIMEOUT_MS : FORK_TIMEOUT_MS;
    if (performance.now() - (this.#takenAt ?? this.#startedAt) > limitMs) {
      throw RivetError.of('RIVET_CONTAINER_AGENT_SILENT', {
        container: this.#host.name,
        limit: formatDuration(limitMs),
      });
    }
  }

  #setState(state: 'exited' | 'gone'): void {
    this.#state = state;
    for (const stream of ['stdout', 'stderr'] as const) {
      this.#host.control.wakeup(this.id, stream).notify();
    }
  }

  async #readStatus(): Promise<Status> {
    const buffer = Buffer.alloc(STATUS_BYTES_MAX);
    const { bytesRead } = await this.#files.status.read(buffer, 0, STATUS_BYTES_MAX, 0);
    return parseStatus(buffer.toString('latin1', 0, bytesRead));
  }

  /** Why a command failed, as far as it can be seen from outside. */
  async #findCause(): Promise<CommandExit['cause']> {
    if (await this.#host.ranOutOfMemory()) return 'out-of-memory';
    // What it printed about that may be lost: its output lies on the same disk.
    return (await isFull(this.#host.control.path)) ? 'disk-full' : undefined;
  }

  async #describeExit(status: Status): Promise<CommandExit> {
    const exitCode = status.exitCode ?? 0;
    const cause =
      exitCode === 0 ? undefined : (causeOf(status.failed) ?? (await this.#findCause()));
    return {
      exitCode,
      signal: signalOf(exitCode),
      cause,
      durationMs: Math.round(performance.now() - this.#startedAt),
    };
  }
}

/** Whether the file system of `path` has no room left. */
async function isFull(path: string): Promise<boolean> {
  try {
    const { bavail, bsize } = await statfs(path);
    return bavail * bsize < DISK_BYTES_MIN;
  } catch {
    return false;
  }
}

/** Reads the lines that are complete and known; the container may have written anything there. */
export function parseStatus(text: string): Status {
  const [, pid, supervisor] = /^started (\d{1,10}) (\d{1,10})\n/m.exec(text) ?? [];
  const [, failed] = /^failed (cwd|not-found|not-executable)\n/m.exec(text) ?? [];
  const [, exitCode] = /^exit (\d{1,3})\n/m.exec(text) ?? [];
  return {
    taken: /^taken\n/m.test(text),
    pid: pid === undefined ? undefined : Number(pid),
    supervisor: supervisor === undefined ? undefined : Number(supervisor),
    failed,
    exitCode: exitCode === undefined ? undefined : Math.min(Number(exitCode), 255),
    lost: /^lost\n/m.test(text),
  };
}

function causeOf(failed: string | undefined): CommandExit['cause'] {
  return failed === 'not-found' || failed === 'not-executable' ? failed : undefined;
}

/**
 * The signal that an exit code stands for; a shell does not tell it from a program that chose the
 * code.
 */
function signalOf(exitCode: number): string | undefined {
  const number = exitCode - 128;
  const found = Object.entries(constants.signals).find(([, value]) => value === number);
  return found?.[0];
}
