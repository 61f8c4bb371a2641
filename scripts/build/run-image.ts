// Makes the image that `rivet run` starts from.
import { join } from 'node:path';
import { takeImage } from '../../packages/lua/src/index.ts';
import { bundle } from './bundle.ts';
import { leaveOutCodeCache } from './code-cache.ts';
import { writeStamp } from './stamp.ts';

/** The name of its stamp and of its files. */
export const RUN_IMAGE = 'run-image';
const ENTRY = 'apps/cli/src/run-image/main.ts';
/** Modules of Node that no image can hold, and such as a run seldom needs. */
const LATE = [
  'node:dns/promises',
  'node:http',
  'node:module',
  'node:readline',
  'node:stream/consumers',
  'node:tls',
  'node:worker_threads',
  'module',
  'worker_threads',
];

/**
 * Writes `run-image.blob` and its stamp.
 * @param directory two levels below `root`
 * @param children see `BundleOptions`; made from `childPaths`, below `root`
 */
export async function buildRunImage(
  root: string,
  directory: string,
  {
    children,
    childPaths,
  }: {
    readonly children: ReadonlyMap<string, string>;
    readonly childPaths: readonly string[];
  },
): Promise<void> {
  const entries = { [RUN_IMAGE]: ENTRY };
  const sources = await bundle({ root, directory, entries, whole: true, late: LATE, children });
  const blob = join(directory, `${RUN_IMAGE}.blob`);
  // The flags of Node are those of any program: nothing is known of what it will run beside.
  await takeImage(blob, join(directory, `${RUN_IMAGE}.cjs`), [directory], []);
  await leaveOutCodeCache(blob);
  const paths = new Set([...(sources.get(RUN_IMAGE) ?? []), ...childPaths]);
  await writeStamp(root, directory, RUN_IMAGE, [...paths]);
}
