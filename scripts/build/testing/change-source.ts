// A part of the build whose sources are others than those that it was made from.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** Until the test is over, the stamp of `name` in `directory` is that of a source of another size. */
export async function changeSource(directory: string, name: string): Promise<void> {
  const path = join(directory, `${name}.json`);
  const stamp = await readFile(path, 'utf8');
  onTestFinished(() => writeFile(path, stamp));
  const changed = JSON.parse(stamp);
  changed.sources[1].bytes += 1;
  await writeFile(path, JSON.stringify(changed));
}
