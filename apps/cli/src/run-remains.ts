// What is left of a run when nothing of it goes on: records of containers, and its directory.
import { resolve } from 'node:path';
import type { ContainerDriver, Disposer } from '@rivet/containers';
import { startProcess } from '@rivet/processes';
import type { Environment } from './config-file.ts';
import { entryOf } from './installation.ts';
import { markEnded, type RunDirectory } from './run-directory.ts';

export class RunRemains implements Disposer {
  readonly #driver: ContainerDriver;
  readonly #directory: RunDirectory;
  readonly #dataDirectory: string;
  readonly #containers = new Set<string>();

  /** @param driver one that removes */
  constructor(driver: ContainerDriver, directory: RunDirectory, dataDirectory: string) {
    this.#driver = driver;
    this.#directory = directory;
    this.#dataDirectory = dataDirectory;
  }

  addContainers(names: readonly string[]): void {
    for (const name of names) this.#containers.add(name);
  }

  async settle(): Promise<void> {
    const names = [...this.#containers];
    if (names.length > 0) await this.#driver.removeNamed(names);
    for (const name of names) this.#containers.delete(name);
  }

  /**
   * Leaves all of it to a process that removes it when this one has ended. Where that process would
   * be killed with this one, as the first one of a container ends all others, it is removed now.
   */
  async leave(env: Environment): Promise<void> {
    await markEnded(this.#directory);
    if (process.ppid > 1 && this.#startSweeper(env)) return;
    await this.settle();
    await this.#driver.removeTree(this.#directory.path);
  }

  #startSweeper(env: Environment): boolean {
    const sweeper = startProcess({
      file: process.execPath,
      args: [entryOf('sweeper', env), resolve(this.#dataDirectory), ...this.#containers],
      env,
      cwd: '/',
      stdin: 'pipe',
      stdout: 'ignore',
      stderr: 'ignore',
      // What is sent to our group, such as Ctrl-C, is not for it.
      group: true,
    });
    sweeper.stdin?.on('error', () => undefined);
    return sweeper.pid !== undefined;
  }
}
