// Removes what runs left whose process is gone, the one that started this first of all: nobody has
// to wait for it. What cannot be removed is left to the next run.
import { createPodmanDriver } from '@rivet/containers';
import { removeDeadRuns } from '../run-directory.ts';

void sweep(process.argv.slice(2));

async function sweep([dataDirectory, ...containers]: readonly string[]): Promise<void> {
  if (dataDirectory === undefined) throw new Error('expected the data directory, then containers');
  await endOfStarter();
  const driver = createPodmanDriver({});
  try {
    // By their names, as the directory may be gone: it is the user's.
    if (containers.length > 0) await driver.removeNamed(containers);
    await removeDeadRuns(dataDirectory, driver, 'all');
  } finally {
    await driver.close();
  }
}

/** It holds the other end of standard input, and never writes. */
async function endOfStarter(): Promise<void> {
  process.stdin.on('error', () => undefined);
  for await (const _ of process.stdin);
}
