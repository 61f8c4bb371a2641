// What a runner that died left behind, removed when the next one starts on the same state
// directory.
import { describeThrown, type Logger } from '@rivet/base';
import type { ContainerDriver } from '@rivet/containers';
import { ownerLabels } from './labels.ts';
import type { StateDirectory } from './state-directory.ts';

/**
 * Removes the containers, built images, workspaces and spools of earlier runs. Those of another
 * runner carry
 * another owner and lie in another directory. What cannot be removed is logged and tried again at
 * the next start.
 */
export async function removeLeftovers(
  state: StateDirectory,
  driver: ContainerDriver,
  logger: Logger,
): Promise<void> {
  try {
    const containers = await driver.removeLabelled(ownerLabels(state.owner));
    if (containers > 0) logger.info({ containers }, 'removed the containers of an earlier run');
  } catch (error) {
    logger.error({ err: error }, `containers of an earlier run stay: ${describeThrown(error)}`);
  }
  try {
    const images = await driver.removeBuilt(ownerLabels(state.owner));
    if (images > 0) logger.info({ images }, 'removed what jobs of an earlier run had built');
  } catch (error) {
    logger.error({ err: error }, `images of an earlier run stay: ${describeThrown(error)}`);
  }
  for (const path of await state.listAttempts()) {
    try {
      await driver.removeTree(path);
      logger.info({ path }, 'removed what an earlier run left');
    } catch (error) {
      logger.error({ err: error, path }, `a directory stays: ${describeThrown(error)}`);
    }
  }
}
