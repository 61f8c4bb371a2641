// Secrets as files in containers: for the user of the container alone, gone with the stage.
import { randomBytes } from 'node:crypto';
import { posix } from 'node:path';
import { describeThrown, RivetError, type SecretText, withDeadline } from '@rivet/base';
import type { Container } from '@rivet/containers';
import { lineOf } from '../branch.ts';
import { WORKSPACE } from '../commands/command-request.ts';
import type { ModuleCall } from '../host-function.ts';
import type { JobContext } from '../job-context.ts';
import type { StageRun } from '../stages/stage-run.ts';

/** Every container has a file system in memory here that no other container sees. */
const DIRECTORY = '/dev/shm';

/**
 * Never over a file that is there, and through no link. The text comes as a variable, as an image
 * may have no program that copies standard input.
 */
const WRITE = [
  'umask 0377; set -C; exec 3>"$1"',
  'printf %s "$RIVET_SECRET_FILE" >&3 || { rm -f -- "$1"; exit 1; }',
].join('\n');
/** Where an earlier process may have written it. */
const WRITE_UNLESS_THERE = `[ ! -f "$1" ] || exit 0\n${WRITE}`;
const REMOVE = 'rm -f -- "$1"';

const WRITE_LIMIT_MS = 30_000;
const REMOVE_LIMIT_MS = 5_000;

const COMMAND_ID_PREFIX = 'secret-';

/** Whether Rivet itself runs this command to write or remove a secret, not the script. */
export function isSecretFileCommand(id: string): boolean {
  return id.startsWith(COMMAND_ID_PREFIX);
}

/** A secret that commands of a stage find in a file. */
export interface SecretFile {
  readonly path: string;
  readonly secret: SecretText;
  /** Whether every container that the stage uses gets it, or only the one it was written to. */
  readonly everywhere: boolean;
  /** Whether containers may have it that are not known to. */
  readonly mayBeThere: boolean;
  /** Those that have it, or will when `written` resolves, by name. */
  readonly containers: Map<string, Copy>;
}

interface Copy {
  readonly container: Container;
  readonly written: Promise<void>;
}

/**
 * Writes a secret to a file of mode 0400.
 * @param path where in the container, relative to /workspace; a new file in memory when undefined
 * @returns its absolute path in the container
 * @throws RIVET_SECRET_FILE, and what starting the container raises
 */
export async function writeSecretFile(
  { job, branch }: ModuleCall,
  secret: SecretText,
  name: string,
  path: string | undefined,
): Promise<string> {
  const container = await branch.containers.current(branch.signal);
  branch.signal.throwIfAborted();
  const file: SecretFile = {
    path:
      path === undefined
        ? `${DIRECTORY}/${name}-${randomBytes(8).toString('hex')}`
        : posix.resolve(WORKSPACE, path),
    secret,
    everywhere: path === undefined,
    mayBeThere: false,
    containers: new Map(),
  };
  branch.stage.secretFiles.push(file);
  await writeIn(job, container, file);
  await job.log.write(lineOf(branch, 'debug'), `secret ${name} is in the file ${file.path}`);
  return file.path;
}

/** Knows a file again that an earlier process wrote. */
export async function restoreSecretFile(
  { branch }: ModuleCall,
  written: Pick<SecretFile, 'path' | 'secret' | 'everywhere'>,
): Promise<void> {
  const containers = new Map<string, Copy>();
  const container = await branch.containers.adopted();
  if (container !== undefined) {
    containers.set(container.name, { container, written: Promise.resolve() });
  }
  branch.stage.secretFiles.push({ ...written, mayBeThere: true, containers });
}

/** Writes the files of the stage that a container has not yet; called before each command. */
export async function provideSecretFiles(
  { job, branch }: ModuleCall,
  container: Container,
): Promise<void> {
  for (const file of branch.stage.secretFiles) {
    if (!file.everywhere) continue;
    // Another branch may be at it.
    await (file.containers.get(container.name)?.written ?? writeIn(job, container, file));
  }
}

/** Whether a container lacks files of the stage, which the next command in it is given. */
export function lacksSecretFiles(stage: StageRun, container: string): boolean {
  return stage.secretFiles.some((file) => file.everywhere && !file.containers.has(container));
}

/** A container is removed, and what it holds with it. */
export function forgetContainer(stage: StageRun, name: string): void {
  for (const file of stage.secretFiles) file.containers.delete(name);
}

/** Removes the files of a stage from the containers that go on without it. Never throws. */
export async function removeSecretFiles(job: JobContext, stage: StageRun): Promise<void> {
  const files = stage.secretFiles.splice(0);
  const removals = files.flatMap((file) =>
    [...file.containers.values()].map(async ({ container, written }) => {
      try {
        await written.catch(() => {});
        await runIn(job, container, REMOVE, file, REMOVE_LIMIT_MS);
      } catch (error) {
        const problem = describeThrown(error);
        // Most often the container has ended, and the file with it.
        job.logger.debug({ stage: stage.stage, problem }, 'a file with a secret was not removed');
      }
    }),
  );
  await Promise.all(removals);
}

function writeIn(job: JobContext, container: Container, file: SecretFile): Promise<void> {
  const write = async (): Promise<void> => {
    const script = file.mayBeThere ? WRITE_UNLESS_THERE : WRITE;
    const problem = await runIn(job, container, script, file, WRITE_LIMIT_MS);
    if (problem === undefined) return;
    // It is not ours to remove, and the next command may try again.
    file.containers.delete(container.name);
    throw RivetError.of('RIVET_SECRET_FILE', { path: file.path, reason: problem });
  };
  const written = write();
  file.containers.set(container.name, { container, written });
  return written;
}

/** Runs a shell script on a file; gives what it complained about when it failed. */
async function runIn(
  job: JobContext,
  container: Container,
  script: string,
  { path, secret }: SecretFile,
  limitMs: number,
): Promise<string | undefined> {
  const said: Uint8Array[] = [];
  const command = {
    id: `${COMMAND_ID_PREFIX}${job.nextId()}`,
    argv: ['sh', '-c', script, 'sh', path],
    env: script !== REMOVE ? { RIVET_SECRET_FILE: secret.reveal() } : {},
    cwd: '/',
    stdin: undefined,
  };
  const ended = container
    .run(command, (_, bytes) => void said.push(Uint8Array.from(bytes)))
    .then((running) => running.exit);
  const { exitCode } = await withDeadline(ended, limitMs, () =>
    RivetError.of('RIVET_TIMEOUT', { what: `sh in ${container.name}`, limit: `${limitMs} ms` }),
  );
  if (exitCode === 0) return undefined;
  return Buffer.concat(said).toString('utf8').trim() || `sh exited with code ${exitCode}`;
}
