// What a runner left behind and nobody goes on with, removed when the next one starts on the same
// state directory, and what is still there when a runner stops.
import { join } from 'node:path';
import { describeThrown, type Logger } from '@rivet/base';
import type { CheckPlace, ContainerDriver } from '@rivet/containers';
import { ownerLabels } from './labels.ts';
import { containersOf, type LeftAttempt } from './left-attempts.ts';
import type { StateDirectory } from './state-directory.ts';

/**
 * Removes the containers, built images, workspaces and spools of earlier runs. Those of another
 * runner carry another owner and lie in another directory. What cannot be removed is logged and
 * tried again at the next start.
 * @param kept attempts that go on, of which nothing is removed
 */
export async function removeLeftovers(
  state: StateDirectory,
  driver: ContainerDriver,
  logger: Logger,
  kept: readonly LeftAttempt[] = [],
): Promise<void> {
  try {
    const containers = await removeContainers(state, driver, kept);
    if (containers > 0) logger.info({ containers }, 'removed the containers of an earlier run');
  } catch (error) {
    logger.error({ err: error }, `containers of an earlier run stay: ${describeThrown(error)}`);
  }
  try {
    // An image does not say which job built it: they go when none of them is needed.
    const images = kept.length > 0 ? 0 : await driver.removeBuilt(ownerLabels(state.owner));
    if (images > 0) logger.info({ images }, 'removed what jobs of an earlier run had built');
  } catch (error) {
    logger.error({ err: error }, `images of an earlier run stay: ${describeThrown(error)}`);
  }
  const stay = new Set(kept.map(({ directory }) => directory.path));
  for (const { path } of await state.listAttempts()) {
    if (stay.has(path)) continue;
    try {
      await driver.removeTree(path);
      logger.info({ path }, 'removed what an earlier run left');
    } catch (error) {
      logger.error({ err: error, path }, `a directory stays: ${describeThrown(error)}`);
    }
  }
}

/** At the end of the runner none of its containers is anybody's. Never rejects. */
export async function removeAllContainers(
  state: Pick<StateDirectory, 'owner'>,
  driver: Pick<ContainerDriver, 'removeLabelled'>,
  logger: Logger,
): Promise<void> {
  try {
    const containers = await driver.removeLabelled(ownerLabels(state.owner));
    if (containers > 0) logger.warn({ containers }, 'removed containers that no job had');
  } catch (error) {
    logger.error({ err: error }, `containers may be left: ${describeThrown(error)}`);
  }
}

/** Where the check of a start tries a container: what it leaves when it is killed is ours too. */
export function checkPlace(state: StateDirectory): CheckPlace {
  return { labels: ownerLabels(state.owner), directory: join(state.path, 'check') };
}

/** Returns how many there were. */
async function removeContainers(
  state: StateDirectory,
  driver: ContainerDriver,
  kept: readonly LeftAttempt[],
): Promise<number> {
  const labels = ownerLabels(state.owner);
  if (kept.length === 0) return await driver.removeLabelled(labels);
  const listed = await driver.list(labels);
  // They go on meanwhile. Read after the list: the directory of a container is there before it.
  const stay = new Set(
    (await Promise.all(kept.map((left) => containersOf(left.directory)))).flat(),
  );
  const names = listed.map(({ name }) => name).filter((name) => !stay.has(name));
  if (names.length > 0) await driver.removeNamed(names);
  return names.length;
}
