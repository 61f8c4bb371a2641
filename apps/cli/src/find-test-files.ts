// Finds the test files of a project: something_test.lua anywhere, *.lua in directories named tests.
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { RivetError } from '@rivet/base';

/** Directories that hold no tests of the project. */
const LEFT_OUT: ReadonlySet<string> = new Set(['node_modules', 'vendor', 'target', 'dist']);
const DEPTH_MAX = 8;
const DIRECTORIES_MAX = 5_000;

/**
 * The files that were named, and those in the directories that were; without names those below
 * `cwd`. Sorted, without doubles.
 * @throws RIVET_CLI_FILE_MISSING, RIVET_TEST_NO_FILES
 */
export async function findTestFiles(named: readonly string[], cwd: string): Promise<string[]> {
  const found = new Set<string>();
  for (const path of named.length === 0 ? ['.'] : named) {
    const full = resolve(cwd, path);
    const kind = await stat(full).catch(() => undefined);
    if (kind === undefined) throw RivetError.of('RIVET_CLI_FILE_MISSING', { path });
    if (!kind.isDirectory()) {
      found.add(full);
      continue;
    }
    const files = await testFilesBelow(full);
    if (files.length === 0) throw RivetError.of('RIVET_TEST_NO_FILES', { directory: full });
    for (const file of files) found.add(file);
  }
  return [...found];
}

async function testFilesBelow(directory: string): Promise<string[]> {
  const files: string[] = [];
  const waiting = [{ path: directory, depth: 0 }];
  let looked = 0;
  for (let at = waiting.shift(); at !== undefined; at = waiting.shift()) {
    looked += 1;
    if (looked > DIRECTORIES_MAX) break;
    for (const entry of await readdir(at.path, { withFileTypes: true }).catch(() => [])) {
      const path = join(at.path, entry.name);
      if (entry.isDirectory()) {
        const hidden = entry.name.startsWith('.') || LEFT_OUT.has(entry.name);
        if (!hidden && at.depth < DEPTH_MAX) waiting.push({ path, depth: at.depth + 1 });
      } else if (entry.isFile() && isTestFile(path)) files.push(path);
    }
  }
  return files.sort();
}

function isTestFile(path: string): boolean {
  if (!path.endsWith('.lua')) return false;
  return path.endsWith('_test.lua') || basename(dirname(path)) === 'tests';
}
