// The directories of one `rivet run`, and the removal of those whose run is over.
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomically } from '@rivet/base';
import { type ContainerDriver, LABEL_OWNER } from '@rivet/containers';
import { identifyProcess, isProcessAlive, type ProcessIdentity } from '@rivet/processes';

export interface RunDirectory {
  readonly path: string;
  /** Mounted at /workspace; writable by the user of any container, reachable by nobody else. */
  readonly workspace: string;
  /** For the journal and control directories. */
  readonly state: string;
}

const OWNER_FILE = 'owner.json';

/** Says who uses a run directory. */
interface Owner {
  readonly job: string;
  readonly process: ProcessIdentity;
  /** Whether nothing of the run goes on; only its remains are there. */
  readonly ended?: boolean;
}

/** Labels of the containers of a `rivet run`, so that a later one finds those of a killed one. */
export function runLabels(id: string): Readonly<Record<string, string>> {
  return { [LABEL_OWNER]: `run-${id}` };
}

/** Makes the directories of the job `id` below `<dataDirectory>/runs`. */
export async function createRunDirectory(dataDirectory: string, id: string): Promise<RunDirectory> {
  const path = join(dataDirectory, 'runs', id);
  await mkdir(path, { recursive: true, mode: 0o700 });
  const own = await identifyProcess(process.pid);
  if (own !== undefined) {
    await writeFileAtomically(join(path, OWNER_FILE), JSON.stringify({ job: id, process: own }));
  }
  const workspace = join(path, 'workspace');
  const state = join(path, 'state');
  await mkdir(workspace);
  await mkdir(state);
  return { path, workspace, state };
}

/**
 * Removes the containers and directories of runs whose process is gone. What cannot be removed now
 * is left to the next one.
 * @param which `killed`: those of which something may go on, not those that came to their end
 */
export async function removeDeadRuns(
  dataDirectory: string,
  driver: ContainerDriver,
  which: 'killed' | 'all',
): Promise<void> {
  const parent = join(dataDirectory, 'runs');
  const names = await readdir(parent).catch(() => []);
  for (const name of names) {
    const path = join(parent, name);
    const owner = await readOwner(path);
    if (owner === undefined || (owner.ended === true && which === 'killed')) continue;
    if (await isProcessAlive(owner.process)) continue;
    try {
      await driver.removeLabelled(runLabels(owner.job));
      await driver.removeBuilt(runLabels(owner.job));
      await driver.removeTree(path);
    } catch {
      // Another run may be removing it at this moment.
    }
  }
}

/** Nothing of the run goes on: nobody has to wait for the removal of what is left. */
export async function markEnded({ path }: RunDirectory): Promise<void> {
  const owner = await readOwner(path);
  if (owner === undefined) return;
  await writeFileAtomically(join(path, OWNER_FILE), JSON.stringify({ ...owner, ended: true }));
}

/** From now on nobody removes the directory when its run is over. */
export async function keepRunDirectory(directory: RunDirectory): Promise<void> {
  await rm(join(directory.path, OWNER_FILE), { force: true });
}

/** Undefined while its run is only beginning, or when it is no run directory. */
async function readOwner(path: string): Promise<Owner | undefined> {
  try {
    const owner = JSON.parse(await readFile(join(path, OWNER_FILE), 'utf8')) as Partial<Owner>;
    const { job, process, ended = false } = owner;
    if (typeof job !== 'string' || typeof process !== 'object') return undefined;
    return { job, process, ended };
  } catch {
    return undefined;
  }
}
