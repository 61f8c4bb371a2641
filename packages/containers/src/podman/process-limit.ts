// Lets commands of a container have exactly as many processes as was asked for: the limit of the
// cgroup also counts what Rivet's agent needs, which changes with the commands that run.
import { writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { pidsDirectory } from './process-refusals.ts';

/** The agent's shell, and the one in it that takes requests. */
const AGENT_PROCESSES = 2;
/** A shell that waits for the command, and a process for each of its two outputs. */
const RUNNING_PROCESSES = 3;
/** Two more shells, until the command has begun. */
const STARTING_PROCESSES = RUNNING_PROCESSES + 2;
/**
 * Of commands that ended: each leaves four processes to the agent's shell, and they count until it
 * has reaped them, which takes its time on a busy machine. While a command starts there is room for
 * those of eight: where a fork is refused then, the command runs without anybody to take its
 * output.
 */
const UNREAPED_PROCESSES = 8 * 4;

/** The limit of one container; does nothing where none was asked for or cgroups cannot be written. */
export class ProcessLimit {
  readonly #most: number;
  readonly #own: number;
  #file: string | undefined;
  #starting = 0;
  #running = 0;

  private constructor(most: number, own: number, file: string | undefined) {
    this.#most = most;
    this.#own = own;
    this.#file = file;
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
    const directory = pidsDirectory(groups);
    return new ProcessLimit(pids, own, directory && `${directory}/pids.max`);
  }

  /** Makes room for the start of a command; call what it returns when that command has begun. */
  starting(): () => void {
    this.#starting += 1;
    this.#set();
    let begun = false;
    return () => {
      if (begun) return;
      begun = true;
      this.#starting -= 1;
      this.#running += 1;
      this.#set();
    };
  }

  /** A command that has begun, or could not begin, is no more. */
  ended(): void {
    this.#running -= 1;
    this.#set();
  }

  #set(): void {
    if (this.#file === undefined) return;
    const agent =
      this.#own +
      (this.#starting > 0 ? UNREAPED_PROCESSES : 0) +
      this.#starting * STARTING_PROCESSES +
      this.#running * RUNNING_PROCESSES;
    try {
      writeFileSync(this.#file, String(this.#most + agent));
    } catch {
      // Not ours to write: what the container was started with stays, which is a little more.
      this.#file = undefined;
    }
  }
}
