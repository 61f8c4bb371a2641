// Says beside a part of the build what it was made from.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type BuildStamp, buildPlatform, describeSource } from '../../packages/base/src/index.ts';

/** @param paths its own sources, below `root` */
export async function writeStamp(
  root: string,
  directory: string,
  name: string,
  paths: readonly string[],
): Promise<void> {
  const stamp: BuildStamp = {
    node: process.version,
    platform: buildPlatform(),
    sources: ['package-lock.json', ...paths].map((path) => describeSource(root, path)),
  };
  await writeFile(join(directory, `${name}.json`), JSON.stringify(stamp));
}
