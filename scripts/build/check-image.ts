// Makes the image that `rivet check` starts from, and what the launcher must know of it.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { processBounds, takeImage } from '../../packages/lua/src/index.ts';
import { CREATION_LIMITS } from '../../packages/pipeline/src/index.ts';
import { bundle } from './bundle.ts';
import { leaveOutCodeCache } from './code-cache.ts';
import { REHEARSED_PIPELINE } from './rehearsed-programs.ts';
import { writeStamp } from './stamp.ts';

/** The name of its stamp and of its files. */
export const CHECK_IMAGE = 'check-image';
const ENTRY = 'apps/cli/src/check-image/main.ts';
/** Modules of Node that make an image larger by a tenth, and that an ordinary file never needs. */
const SELDOM_USED = ['node:child_process', 'node:crypto', 'node:net', 'node:timers/promises'];

/**
 * Writes `check-image.blob`, its stamp, and `check-image.bounds`: one line with the kilobytes of
 * private memory that the process may have, and the arguments of Node.
 * @param directory two levels below `root`; has the surroundings of scripts
 */
export async function buildCheckImage(root: string, directory: string): Promise<void> {
  const sources = await bundle({
    root,
    directory,
    entries: { [CHECK_IMAGE]: ENTRY },
    whole: true,
    without: ['@rivet/engine'],
    late: SELDOM_USED,
  });
  // Named as most are: what a script sees says how its file is called.
  const rehearsal = join(directory, 'pipeline.lua');
  await writeFile(rehearsal, REHEARSED_PIPELINE);
  const blob = join(directory, `${CHECK_IMAGE}.blob`);
  await takeImage(blob, join(directory, `${CHECK_IMAGE}.cjs`), [directory, rehearsal]);
  await leaveOutCodeCache(blob);
  const { dataBytesMax, nodeArguments } = processBounds(CREATION_LIMITS.memoryBytes);
  const flags = [
    ...nodeArguments,
    // It ends before code that was optimised has paid. Pages that are used again cost less than new
    // ones, which the kernel has to clear.
    '--min-semi-space-size=2',
    '--max-semi-space-size=2',
    '--no-opt',
    '--no-maglev',
    // It reads the pipeline and the configuration. Nothing else.
    '--permission',
    '--allow-fs-read=*',
  ];
  const kilobytes = Math.ceil(dataBytesMax / 1024);
  await writeFile(join(directory, `${CHECK_IMAGE}.bounds`), `${kilobytes} ${flags.join(' ')}\n`);
  await writeStamp(root, directory, CHECK_IMAGE, sources.get(CHECK_IMAGE) ?? []);
}
