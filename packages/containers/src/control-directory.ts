// The directory through which the runner and the agent of one container talk.
//
// `in/` is mounted read-only: the agent, a FIFO that takes requests, and their files. `out/` is
// mounted writable, so whatever is in it is the container's word. The runner makes each file there,
// keeps it open, and never opens one by name again: links, FIFOs and deletions in there do not
// reach it.

import { randomBytes } from 'node:crypto';
import { constants, type FSWatcher, watch, writeSync } from 'node:fs';
import { chmod, type FileHandle, mkdir, open, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RivetError, sleep, Wakeup } from '@rivet/base';
import { startProcess } from '@rivet/processes';
import type { Mount } from './driver.ts';

/** Where it is mounted in the container. */
const MOUNT_POINT = '/.rivet';
/** What a container runs as its main process. */
export const AGENT_COMMAND: readonly string[] = ['/bin/sh', `${MOUNT_POINT}/in/agent`, MOUNT_POINT];

const AGENT_SOURCE = join(dirname(fileURLToPath(import.meta.url)), 'agent.sh');
/** How long a request may wait for the agent to make room in the FIFO, in milliseconds. */
const SEND_TIMEOUT_MS = 10_000;
const { O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR } = constants;

/** The files of one command, opened when they were made. */
export interface CommandFiles {
  readonly stdout: FileHandle;
  readonly stderr: FileHandle;
  readonly status: FileHandle;
  /** What the agent writes behind the output of a command. */
  readonly mark: Buffer;
}

type OutputFile = 'stdout' | 'stderr' | 'status';

export class ControlDirectory {
  readonly path: string;
  readonly #requests: FileHandle;
  readonly #agent: FileHandle;
  readonly #wakeups = new Map<string, Wakeup>();
  #watcher: FSWatcher | undefined;

  private constructor(path: string, requests: FileHandle, agent: FileHandle) {
    this.path = path;
    this.#requests = requests;
    this.#agent = agent;
    this.#watch();
  }

  /** Fills `path`, which is made when it is missing. What it opens is closed by `close`. */
  static async create(path: string): Promise<ControlDirectory> {
    // Closed to other users of the machine; the container's own users come in through the mounts.
    await mkdir(path, { recursive: true, mode: 0o700 });
    await chmod(path, 0o700);
    await makeDirectory(join(path, 'in'));
    await makeDirectory(join(path, 'out'));
    // A copy: a shell reads its script as it goes, and an upgrade of Rivet may replace the
    // original.
    await writeFile(join(path, 'in/agent'), await readFile(AGENT_SOURCE));
    await chmod(join(path, 'in/agent'), 0o644);
    const fifo = join(path, 'in/requests');
    await makeFifo(fifo);
    const agent = await makeOutputFile(join(path, 'out/agent'));
    try {
      // Read and write: such an open never waits for the other side and never sees it go away.
      return new ControlDirectory(path, await open(fifo, O_RDWR | O_NONBLOCK | O_NOFOLLOW), agent);
    } catch (error) {
      await agent.close();
      throw error;
    }
  }

  get mounts(): readonly Mount[] {
    return [
      { source: join(this.path, 'in'), target: `${MOUNT_POINT}/in`, readonly: true },
      { source: join(this.path, 'out'), target: `${MOUNT_POINT}/out`, readonly: false },
    ];
  }

  /** Where Podman writes the process id of the container's main process. */
  get pidFile(): string {
    return join(this.path, 'pid');
  }

  async isAgentReady(): Promise<boolean> {
    return (await this.#agent.stat()).size > 0;
  }

  /** Makes the files of a command; the agent does nothing before it is asked to run it. */
  async prepare(id: string, request: string, stdin: Uint8Array | undefined): Promise<CommandFiles> {
    const handles: FileHandle[] = [];
    try {
      for (const file of ['stdout', 'stderr', 'status'] as const) {
        handles.push(await makeOutputFile(this.#output(id, file)));
      }
      await writeInput(this.#input(id, 'request'), request);
      if (stdin !== undefined) await writeInput(this.#input(id, 'stdin'), stdin);
    } catch (error) {
      await Promise.all(handles.map((handle) => handle.close()));
      throw error;
    }
    const [stdout, stderr, status] = handles as [FileHandle, FileHandle, FileHandle];
    return { stdout, stderr, status, mark: makeMark() };
  }

  /** Is told when the container wrote to one of its files; a slow poll must stand behind it. */
  wakeup(id: string, file: OutputFile): Wakeup {
    return this.#wakeupOf(`${id}.${file}`);
  }

  agentWakeup(): Wakeup {
    return this.#wakeupOf('agent');
  }

  /** Asks the agent for something. A line is written whole or not at all. */
  async send(line: string): Promise<void> {
    const deadline = performance.now() + SEND_TIMEOUT_MS;
    for (;;) {
      try {
        writeSync(this.#requests.fd, `${line}\n`);
        return;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
        if (performance.now() > deadline) {
          throw RivetError.of('RIVET_CONTAINER_AGENT_SILENT', {
            container: this.path,
            limit: `${SEND_TIMEOUT_MS / 1000} s`,
          });
        }
      }
      await sleep(20);
    }
  }

  /**
   * Deletes what the command was started from: it may hold secrets, and the agent has read it or,
   * the input, opened it.
   */
  async dropRequest(id: string): Promise<void> {
    await rm(this.#input(id, 'request'), { force: true });
    await rm(this.#input(id, 'stdin'), { force: true });
  }

  /** Closes and deletes everything of a command that has ended. */
  async drop(id: string, files: CommandFiles): Promise<void> {
    for (const file of ['stdout', 'stderr', 'status'] as const) {
      this.#wakeups.delete(`${id}.${file}`);
      await files[file].close();
      // The container may have put a directory in its place, which is left to the end.
      await rm(this.#output(id, file), { force: true }).catch(() => undefined);
    }
    await this.dropRequest(id);
  }

  async close(): Promise<void> {
    this.#watcher?.close();
    this.#watcher = undefined;
    await this.#requests.close();
    await this.#agent.close();
  }

  #watch(): void {
    try {
      this.#watcher = watch(join(this.path, 'out'), (_, name) => {
        if (name !== null) this.#wakeups.get(name)?.notify();
      });
      // What cannot be watched is polled.
      this.#watcher.on('error', () => undefined);
    } catch {
      this.#watcher = undefined;
    }
  }

  #wakeupOf(name: string): Wakeup {
    const known = this.#wakeups.get(name) ?? new Wakeup();
    this.#wakeups.set(name, known);
    return known;
  }

  #input(id: string, file: 'request' | 'stdin'): string {
    return join(this.path, 'in', `${id}.${file}`);
  }

  #output(id: string, file: OutputFile): string {
    return join(this.path, 'out', `${id}.${file}`);
  }
}

/** The mark as the request line has it: printf in the agent makes the bytes of it. */
export function printfMark(mark: Buffer): string {
  return `\\036${mark.toString('latin1').slice(1)}`;
}

function makeMark(): Buffer {
  // Begins with a byte that it does not hold a second time, and that output rarely has.
  return Buffer.from(`\x1e${randomBytes(16).toString('hex')}`, 'latin1');
}

async function makeDirectory(path: string): Promise<void> {
  await mkdir(path);
  // mkdir's mode is cut by the umask.
  await chmod(path, 0o755);
}

async function makeOutputFile(path: string): Promise<FileHandle> {
  const file = await open(path, O_RDONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o666);
  // Users of the container are other users here.
  await file.chmod(0o666);
  return file;
}

async function writeInput(path: string, content: string | Uint8Array): Promise<void> {
  const file = await open(path, 'wx', 0o644);
  try {
    await file.chmod(0o644);
    await file.writeFile(content);
  } finally {
    await file.close();
  }
}

async function makeFifo(path: string): Promise<void> {
  const mkfifo = startProcess({
    file: 'mkfifo',
    args: ['-m', '666', '--', path],
    env: { PATH: '/usr/bin:/bin' },
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: 'ignore',
  });
  const { code, error } = await mkfifo.exit;
  if (code !== 0) {
    throw RivetError.of('RIVET_CONTAINER_PODMAN_FAILED', {
      action: 'prepare a container',
      reason: `mkfifo ${path}: ${error?.message ?? `exit code ${code}`}`,
    });
  }
}
