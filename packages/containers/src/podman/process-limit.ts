// Lets commands of a container have exactly as many processes as was asked for: the limit of the
// cgroup also counts what Rivet's agent needs, which changes with the commands that run.
import { writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { pidsDirectory, readText } from './process-refusals.ts';

/** The agent's shell, and the one in it that takes requests. */
const AGENT_PROCESSES = 2;
/** A shell that waits for the command, and a process for each of its two outputs. */
const RUNNING_PROCESSES = 3;
/** Two more shells, until the command has begun. */
const STARTING_PROCESSES = RUNNING_PROCESSES + 2;
/** What a command that ended leaves to the agent's shell: the supervisor, and a shell for the start. */
const ENDED_PROCESSES = RUNNING_PROCESSES + 1;
/**
 * Processes count until the agent's shell has reaped them, which takes its time on a busy machine.
 * A command for whose start a process is refused does not begin: so there is room then for as many
 * as are left, those of eight commands at most. No more: a command that has begun has that room too
 * until somebody hears of it.
 */
const LEFT_PROCESSES_MAX = 8 * ENDED_PROCESSES;

/** The limit of one container; does nothing where none was asked for or cgroups cannot be written. */
export class ProcessLimit {
  readonly #most: number;
  readonly #own: number;
  /** Of the cgroup; undefined where nothing is limited. */
  #directory: string | undefined;
  #starting = 0;
  #running = 0;
  /** What there is room for besides, while commands start. */
  #left = 0;

  private constructor(most: number, own: number, directory: string | undefined) {
    this.#most = most;
    this.#own = own;
    this.#directory = directory;
  }

  /**
   * @param pid of the container's main process, as the host sees it
   * @param pids what commands may have; undefined: no limit
   * @param hasEntrypoint whether a program of the user stands before the agent, and may stay
   */
  static async of(
    pid: number,
    pids: number | undefined,
    hasEntrypoint: boolean,
  ): Promise<ProcessLimit> {
    const own = AGENT_PROCESSES + (hasEntrypoint ? 1 : 0);
    if (pids === undefined) return new ProcessLimit(0, own, undefined);
    const groups = await readFile(`/proc/${pid}/cgroup`, 'utf8').catch(() => '');
    return new ProcessLimit(pids, own, pidsDirectory(groups));
  }

  /** Makes room for the start of a command; call what it returns when that command has begun. */
  starting(): () => void {
    this.#leave(this.#count() - this.#own - this.#running * RUNNING_PROCESSES);
    this.#starting += 1;
    this.#set();
    let begun = false;
    return () => {
      if (begun) return;
      begun = true;
      this.#starting -= 1;
      this.#running += 1;
      if (this.#starting === 0) this.#left = 0;
      this.#set();
    };
  }

  /** A command that has begun, or could not begin, is no more. */
  ended(): void {
    this.#running -= 1;
    if (this.#starting > 0) this.#leave(this.#left + ENDED_PROCESSES);
    this.#set();
  }

  /** Processes that are there now; 0 where that cannot be told. */
  #count(): number {
    if (this.#directory === undefined) return 0;
    return Number(readText(`${this.#directory}/pids.current`));
  }

  /** Makes room for what is left of commands, while others start. */
  #leave(processes: number): void {
    this.#left = Math.min(LEFT_PROCESSES_MAX, Math.max(this.#left, processes));
  }

  #set(): void {
    if (this.#directory === undefined) return;
    const agent =
      this.#own +
      this.#left +
      this.#starting * STARTING_PROCESSES +
      this.#running * RUNNING_PROCESSES;
    try {
      writeFileSync(`${this.#directory}/pids.max`, String(this.#most + agent));
    } catch {
      // Not ours to write: what the container was started with stays, which is a little more.
      this.#directory = undefined;
    }
  }
}
