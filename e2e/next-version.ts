// Makes the version of Rivet that comes next, for tests of updates: the programs of this one with
// another version of the protocol and further migrations, in a directory of its own.
import { cp, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PROTOCOL_VERSION } from '@rivet/protocol';
import { REPOSITORY } from './program.ts';

const COPIED = ['apps/orchestrator', 'apps/runner', 'packages', 'migrations', 'package.json'];
const PROTOCOL_FILE = 'packages/protocol/src/protocol-version.ts';

/** Copies the programs to `root`; they speak one version more of the protocol. */
export async function makeNextVersion(root: string): Promise<void> {
  for (const path of COPIED) {
    await cp(join(REPOSITORY, path), join(root, path), {
      recursive: true,
      filter: (from) => !/\/node_modules(\/|$)|\.test\.ts$/.test(from.slice(REPOSITORY.length)),
    });
  }
  const file = join(root, PROTOCOL_FILE);
  const text = await readFile(file, 'utf8');
  const next = text.replace(
    `_VERSION = ${PROTOCOL_VERSION};`,
    `_VERSION = ${PROTOCOL_VERSION + 1};`,
  );
  if (next === text) throw new Error(`${PROTOCOL_FILE} does not say the version as expected`);
  await writeFile(file, next);
  await linkDependencies(root);
}

/** Adds a migration that programs of this version do not know. */
export async function addMigration(root: string, name: string, sql: string): Promise<void> {
  await writeFile(join(root, 'migrations', `${name}.sql`), sql);
}

/** Packages of others are the same; ours are those of the copy. */
async function linkDependencies(root: string): Promise<void> {
  const own = join(root, 'node_modules/@rivet');
  await mkdir(own, { recursive: true });
  for (const name of await readdir(join(root, 'packages'))) {
    await symlink(join(root, 'packages', name), join(own, name));
  }
  for (const name of await readdir(join(REPOSITORY, 'node_modules'))) {
    if (name === '@rivet') continue;
    await symlink(join(REPOSITORY, 'node_modules', name), join(root, 'node_modules', name));
  }
}
