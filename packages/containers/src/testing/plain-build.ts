// A build as tests make it: from one file, and what is not asked for is off.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { uuidv7 } from '@rivet/base';
import type { BuildSpec } from '../image-operations.ts';

/** Writes `text` as the Containerfile of a context of its own below `directory`, which is there. */
export async function plainBuild(
  directory: string,
  text: string,
  asked: Pick<BuildSpec, 'images' | 'ownerLabels'> & Partial<BuildSpec>,
): Promise<BuildSpec> {
  const contextDirectory = join(directory, uuidv7());
  await mkdir(contextDirectory);
  const containerfile = join(contextDirectory, 'Containerfile');
  await writeFile(containerfile, text);
  return {
    contextDirectory,
    containerfile,
    containerfileName: 'Containerfile',
    temporaryDirectory: directory,
    buildArgs: {},
    secrets: {},
    target: undefined,
    network: 'none',
    memoryBytes: undefined,
    cpus: undefined,
    labels: {},
    cache: false,
    ...asked,
  };
}
