// Real Podman for the tests of one file: a driver, a directory, containers that are gone after.
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { uuidv7 } from '@rivet/base';
import { afterAll, beforeAll } from 'vitest';
import type { CommandExit, Container, ContainerDriver, ContainerSpec } from '../driver.ts';
import { createPodmanDriver, type PodmanDriverOptions } from '../podman/driver.ts';
import { plainSpec } from './plain-spec.ts';

const IMAGE = 'localhost/rivet/base:latest';

/** What is there once the tests of the file run. */
export interface TestPodman {
  /** Carried by every container of the file. */
  readonly labels: Readonly<Record<string, string>>;
  readonly driver: ContainerDriver;
  readonly directory: string;
  /** Whether this machine's Podman can limit memory and processes. */
  readonly canLimit: boolean;
  start(changes?: Partial<ContainerSpec>): Promise<Container>;
  /** Runs a script of the shell; its output is bytes as Latin-1. */
  sh(
    container: Container,
    script: string,
  ): Promise<{ exit: CommandExit; stdout: string; stderr: string }>;
}

/** @param name of the directory, to tell whose it is */
export function usePodman(name: string, options: PodmanDriverOptions = {}): TestPodman {
  const labels = { 'dev.rivet.test': uuidv7() };
  const driver = createPodmanDriver({ defaultImage: IMAGE, ...options });
  let directory = '';
  let canLimit = false;
  let count = 0;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), `rivet-${name}-`));
    const cgroups = (await driver.check({ labels, directory: join(directory, 'check') })).find(
      (finding) => finding.subject === 'cgroups',
    );
    canLimit = cgroups?.ok === true;
  });
  afterAll(async () => {
    await driver.removeLabelled(labels);
    await driver.removeTree(directory);
    await driver.close();
  });

  return {
    labels,
    driver,
    get directory() {
      return directory;
    },
    get canLimit() {
      return canLimit;
    },
    start(changes = {}) {
      const name = `rivet-test-${uuidv7()}`;
      const controlDirectory = join(directory, name);
      return driver.start(plainSpec({ name, image: IMAGE, labels, controlDirectory, ...changes }));
    },
    async sh(container, script) {
      count += 1;
      const text = { stdout: '', stderr: '' };
      const running = await container.run(
        { id: `c${count}`, argv: ['sh', '-c', script], env: {}, cwd: '/', stdin: undefined },
        (stream, bytes) => {
          text[stream] += Buffer.from(bytes).toString('latin1');
        },
      );
      return { exit: await running.exit, ...text };
    },
  };
}
