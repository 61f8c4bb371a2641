// Follows one command that `podman exec` runs.
import { randomUUID } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { join } from 'node:path';
import { RivetError, sleep } from '@rivet/base';
import { type CommandHost, checkSignal, describeExit } from '../command-end.ts';
import type {
  CommandExit,
  CommandSpec,
  OutputSink,
  OutputStream,
  RunningCommand,
} from '../driver.ts';
import { checkCommand } from '../request.ts';
import type { PodmanCli, PodmanResult } from './cli.ts';
import { execArgs } from './exec-args.ts';
import { failedStart } from './exec-error.ts';
import { findMarked, MARK_VARIABLE, type MarkedProcess } from './marked-processes.ts';

/** How often the command is looked for until it is there, in milliseconds. */
const FIND_MS = 10;
/** Podman's own message about a command that did not start is shorter. */
const HELD_BYTES_MAX = 16 * 1024;
/** How long a container may take to be gone whose commands were killed, in milliseconds. */
const GONE_MS = 500;
/** Signals go to what was there when they were sent; a second look finds what was just made. */
const SIGNAL_ROUNDS = 3;

export interface ExecOptions {
  readonly podman: PodmanCli;
  readonly globalFlags: readonly string[];
  /** Closed to other users; the variables stand there while the command starts. */
  readonly directory: string;
}

/** Starts a command by `podman exec`; resolves when it runs, or ended at once. */
export async function runByExec(
  options: ExecOptions,
  host: CommandHost,
  command: CommandSpec,
  sink: OutputSink,
): Promise<RunningCommand> {
  checkCommand(command, host.env);
  const follower = new ExecFollower(options, host, command, sink);
  await follower.start();
  return follower;
}

class ExecFollower implements RunningCommand {
  readonly id: string;
  readonly #options: ExecOptions;
  readonly #host: CommandHost;
  readonly #command: CommandSpec;
  readonly #sink: OutputSink;
  readonly #mark = randomUUID();
  readonly #exit = Promise.withResolvers<CommandExit>();
  #startedAt = performance.now();
  /** Processes that a limit had refused the container when it was asked for. */
  readonly #refusedBefore: number;
  #pid: number | undefined;
  #ended = false;
  /** What came on standard error while it may still be Podman's word; undefined later. */
  #held: Buffer[] | undefined = [];

  constructor(options: ExecOptions, host: CommandHost, command: CommandSpec, sink: OutputSink) {
    this.id = command.id;
    this.#options = options;
    this.#host = host;
    this.#command = command;
    this.#sink = sink;
    this.#refusedBefore = host.countRefusals();
    this.#exit.promise.catch(() => undefined);
  }

  get pid(): number | undefined {
    return this.#pid;
  }

  get exit(): Promise<CommandExit> {
    return this.#exit.promise;
  }

  forget(): void {
    // Nothing of it is on the disk.
  }

  async prepareNext(): Promise<undefined> {
    // Nobody in the container sees its end.
  }

  async start(): Promise<void> {
    const { podman, globalFlags, directory } = this.#options;
    const file = join(directory, `${this.id}.${this.#mark}.env`);
    const env = { ...this.#host.env, ...this.#command.env, [MARK_VARIABLE]: this.#mark };
    const call = execArgs(this.#host.name, this.#command, env, file);
    await writeFile(file, call.variables, { mode: 0o600, flag: 'wx' });
    const running = podman.stream(
      {
        action: `run a command in ${this.#host.name}`,
        args: [...globalFlags, ...call.args],
        env: call.env,
        input: this.#command.stdin,
        timeoutMs: 0,
      },
      (stream, bytes) => this.#take(stream, bytes),
    );
    const ended = this.#follow(running).finally(() => rm(file, { force: true }));
    ended.then(this.#exit.resolve, this.#exit.reject);
    await this.#awaitStart();
    await rm(file, { force: true });
    // Only what kept it from starting; everything else is told by the exit.
    if (this.#ended && this.#pid === undefined) {
      await ended.catch((error: unknown) => {
        if ((error as RivetError).code === 'RIVET_CONTAINER_CWD_MISSING') throw error;
      });
    }
  }

  async signal(name: string): Promise<void> {
    const signal = checkSignal(name);
    const seen = new Set<number>();
    for (let round = 0; round < SIGNAL_ROUNDS && !this.#ended; round += 1) {
      const found = this.#find().filter(({ hostPid }) => !seen.has(hostPid));
      if (found.length === 0) return;
      for (const { hostPid } of found) seen.add(hostPid);
      await this.#kill(
        found.map(({ hostPid }) => hostPid),
        signal,
      );
    }
  }

  /** Podman knows a container's users as others than itself where it runs without root. */
  async #kill(pids: readonly number[], signal: string): Promise<void> {
    const others: number[] = [];
    for (const pid of pids) {
      try {
        process.kill(pid, `SIG${signal}` as NodeJS.Signals);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EPERM') others.push(pid);
      }
    }
    if (others.length === 0) return;
    await this.#options.podman.run({
      action: `signal a command in ${this.#host.name}`,
      args: ['unshare', 'kill', '-s', signal, '--', ...others.map(String)],
      timeoutMs: 30_000,
    });
  }

  #find(): readonly MarkedProcess[] {
    return findMarked(this.#host.mainPid, this.#mark);
  }

  async #awaitStart(): Promise<void> {
    while (!this.#ended) {
      const first = this.#find().toSorted((a, b) => a.pid - b.pid)[0];
      if (first !== undefined) {
        this.#pid = first.pid;
        this.#startedAt = performance.now();
        return;
      }
      await sleep(FIND_MS);
    }
  }

  /** Hands output on; what may be Podman's message is held back until the command is there. */
  async #take(stream: OutputStream, bytes: Uint8Array): Promise<void> {
    if (stream === 'stdout' || this.#held === undefined) return await this.#sink(stream, bytes);
    this.#held.push(Buffer.from(bytes));
    const length = this.#held.reduce((sum, { length }) => sum + length, 0);
    if (this.#pid !== undefined || length > HELD_BYTES_MAX) await this.#release();
  }

  async #release(): Promise<void> {
    const held = Buffer.concat(this.#held ?? []);
    this.#held = undefined;
    if (held.length > 0) await this.#sink('stderr', held);
  }

  async #follow(running: Promise<PodmanResult>): Promise<CommandExit> {
    let result: PodmanResult;
    try {
      result = await running;
    } catch (error) {
      // Podman is gone, and nobody takes what the command still says.
      await this.signal('KILL').catch(() => undefined);
      this.#ended = true;
      throw error;
    }
    this.#ended = true;
    const endedAt = performance.now();
    const { exitCode } = result;
    if (exitCode >= 125) await this.#refuseLost(exitCode);
    const program = this.#command.argv[0] ?? '';
    const failed = this.#pid === undefined ? failedStart(exitCode, this.#heldText()) : undefined;
    if (failed === undefined) {
      await this.#release();
      return await describeExit(this.#host, {
        directory: this.#options.directory,
        exitCode,
        durationMs: endedAt - this.#startedAt,
        refusedBefore: this.#refusedBefore,
        followed: false,
      });
    }
    if (failed === 'cwd') {
      throw RivetError.of('RIVET_CONTAINER_CWD_MISSING', { cwd: this.#command.cwd });
    }
    if (failed === 'podman') {
      throw this.#options.podman.failure(
        `run a command in ${this.#host.name}`,
        this.#heldText().trim(),
      );
    }
    this.#held = undefined;
    const words = failed === 'not-found' ? 'not found' : 'not executable';
    await this.#sink('stderr', Buffer.from(`rivet: ${program}: ${words}\n`));
    const code = failed === 'not-found' ? 127 : 126;
    return { exitCode: code, signal: undefined, cause: failed, durationMs: 0 };
  }

  #heldText(): string {
    return Buffer.concat(this.#held ?? []).toString();
  }

  /** A container that goes takes its commands along: their exit codes mean nothing then. */
  async #refuseLost(exitCode: number): Promise<void> {
    const killed = exitCode === 128 + constants.signals.SIGKILL || exitCode === 125;
    const deadline = performance.now() + (killed || exitCode === 255 ? GONE_MS : 0);
    while (await this.#host.isAlive()) {
      if (performance.now() >= deadline || !(await this.#host.isEnding())) return;
      await sleep(FIND_MS);
    }
    throw RivetError.of('RIVET_CONTAINER_LOST', {
      container: this.#host.name,
      reason: await this.#host.describeEnd(),
    });
  }
}
