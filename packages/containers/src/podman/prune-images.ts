// Makes room by removing images that Rivet pulled and that nobody has used for long.
import type { Logger } from '@rivet/base';
import type { PruneOptions } from '../image-operations.ts';
import { essence, type PodmanCli } from './cli.ts';
import type { ImageUses, PulledImage } from './image-uses.ts';

const QUERY_TIMEOUT_MS = 30_000;
const REMOVE_TIMEOUT_MS = 2 * 60_000;
const GONE = /image not known|no such image|failed to find image/i;

export interface PruneParts {
  readonly podman: PodmanCli;
  readonly globalFlags: readonly string[];
  readonly uses: ImageUses;
  readonly logger: Logger;
}

/** See ImageOperations.pruneImages. */
export async function pruneImages(
  parts: PruneParts,
  { unusedMs, isEnough, signal }: PruneOptions,
): Promise<number> {
  let removed = 0;
  for (const image of await parts.uses.list()) {
    if (signal?.aborted === true || (await isEnough())) break;
    // It may have been used since the list was made.
    const usedAt = await parts.uses.usedAt(image.id);
    if (usedAt === undefined || Date.now() - usedAt < unusedMs) continue;
    if (await removeImage(parts, image)) removed += 1;
  }
  return removed;
}

/** Returns whether it was removed: not when somebody else has a use or a name for it. */
async function removeImage(parts: PruneParts, { id, names }: PulledImage): Promise<boolean> {
  const { podman, globalFlags, uses, logger } = parts;
  const tags = await tagsOf(parts, id);
  if (tags === undefined) {
    await uses.forget(id);
    return false;
  }
  if (tags.some((tag) => !names.includes(tag))) return false;
  const result = await podman.run({
    action: 'remove an image',
    // Without force: Podman refuses while there is a container of it, of anybody.
    args: [...globalFlags, 'rmi', '--', ...(tags.length === 0 ? [id] : tags)],
    timeoutMs: REMOVE_TIMEOUT_MS,
  });
  if (result.exitCode === 0) {
    await uses.forget(id);
    return true;
  }
  if (/in use by|being used by|used by/i.test(result.stderr)) await uses.used(id);
  else if (GONE.test(result.stderr)) await uses.forget(id);
  else logger.warn({ image: id, reason: essence(result) }, 'an image could not be removed');
  return false;
}

/** The names of an image; undefined when it is not there. */
async function tagsOf({ podman, globalFlags }: PruneParts, id: string) {
  const action = 'look at an image';
  const result = await podman.run({
    action,
    args: [
      ...globalFlags,
      'image',
      'inspect',
      '--format={{range .RepoTags}}{{println .}}{{end}}',
      id,
    ],
    timeoutMs: QUERY_TIMEOUT_MS,
  });
  if (result.exitCode === 0) return result.stdout.split('\n').filter((line) => line !== '');
  if (GONE.test(result.stderr)) return undefined;
  throw podman.failure(action, essence(result));
}
