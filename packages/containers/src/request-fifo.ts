// A FIFO that an agent reads lines from: opened once, written without waiting.
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { basename } from 'node:path';
import { RivetError, sleep } from '@rivet/base';
import { startProcess } from '@rivet/processes';

/** How long a line may wait for the agent to make room, in milliseconds. */
const SEND_TIMEOUT_MS = 10_000;
const { O_NOFOLLOW, O_NONBLOCK, O_RDWR } = constants;

export class RequestFifo {
  readonly #path: string;
  #fd: number | undefined;

  constructor(path: string) {
    this.#path = path;
    // Read and write: such an open never waits for the other side and never sees it go away.
    this.#fd = openSync(path, O_RDWR | O_NONBLOCK | O_NOFOLLOW);
  }

  /** What it is called in its directory. */
  get name(): string {
    return basename(this.#path);
  }

  /**
   * Writes a line, whole or not at all; false when there is no room for it, or it is closed. A line
   * feed stands before it, too: something in the container may have left half a line there.
   */
  trySend(line: string): boolean {
    if (this.#fd === undefined) return false;
    try {
      writeSync(this.#fd, `\n${line}\n`);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      return false;
    }
  }

  /** @throws RIVET_CONTAINER_AGENT_SILENT when nobody makes room for it */
  async send(line: string): Promise<void> {
    const deadline = performance.now() + SEND_TIMEOUT_MS;
    while (!this.trySend(line)) {
      if (performance.now() > deadline || this.#fd === undefined) {
        throw RivetError.of('RIVET_CONTAINER_AGENT_SILENT', {
          container: this.#path,
          limit: `${SEND_TIMEOUT_MS / 1000} s`,
        });
      }
      await sleep(20);
    }
  }

  close(): void {
    const fd = this.#fd;
    this.#fd = undefined;
    if (fd !== undefined) closeSync(fd);
  }
}

/** Makes FIFOs for whoever uses the container; Node has no call for that. */
export async function makeFifos(paths: readonly string[]): Promise<void> {
  const mkfifo = startProcess({
    file: 'mkfifo',
    args: ['-m', '666', '--', ...paths],
    env: { PATH: '/usr/bin:/bin' },
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: 'ignore',
  });
  const { code, error } = await mkfifo.exit;
  if (code !== 0) {
    throw RivetError.of('RIVET_CONTAINER_PODMAN_FAILED', {
      action: 'prepare a container',
      reason: `mkfifo ${paths[0]}: ${error?.message ?? `exit code ${code}`}`,
    });
  }
}
