// Asks git which files of a directory belong to the tree: tracked, and untracked but not ignored.
import { text } from 'node:stream/consumers';
import { RivetError } from '@rivet/base';
import { type ProcessExit, startProcess } from '@rivet/processes';
import type { Environment } from './config.ts';

interface GitResult {
  readonly exit: ProcessExit;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/**
 * Paths relative to `directory`, as bytes, each once; undefined where git has no say: no work tree,
 * no git installed, or a directory that the repository around it ignores as a whole.
 * @throws RIVET_CLI_TREE_FAILED when git is there and fails, or the reason of `signal`
 */
export async function gitFiles(
  directory: Buffer,
  env: Environment,
  signal: AbortSignal,
): Promise<readonly Buffer[] | undefined> {
  const inside = await git(directory, ['rev-parse', '--is-inside-work-tree'], env, signal);
  if (inside.exit.error !== undefined || inside.stdout.toString().trim() !== 'true') {
    if (inside.exit.code === 0 || isNoRepository(inside)) return undefined;
    throw failed(directory, inside);
  }
  const ignored = await git(directory, ['check-ignore', '--quiet', '.'], env, signal);
  if (ignored.exit.code === 0) return undefined;
  const listed = await git(
    directory,
    ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--deduplicate'],
    env,
    signal,
  );
  if (listed.exit.code !== 0) throw failed(directory, listed);
  return splitAtNul(listed.stdout);
}

async function git(
  directory: Buffer,
  args: readonly string[],
  env: Environment,
  signal: AbortSignal,
): Promise<GitResult> {
  signal.throwIfAborted();
  const child = startProcess({
    file: 'git',
    // The user asks for a copy of files they can read: whom they belong to does not matter (git
    // refuses repositories of others to protect from their hooks and configuration; listing runs no
    // hook).
    args: [
      '-c',
      'safe.directory=*',
      '-c',
      'core.fsmonitor=false',
      '-C',
      decode(directory),
      ...args,
    ],
    env: { ...env, LC_ALL: 'C', GIT_OPTIONAL_LOCKS: '0' },
    stdin: 'ignore',
  });
  const stop = (): void => void child.kill('SIGKILL');
  signal.addEventListener('abort', stop, { once: true });
  try {
    const [stdout, stderr, exit] = await Promise.all([
      readAll(child.stdout),
      child.stderr === undefined ? '' : text(child.stderr),
      child.exit,
    ]);
    signal.throwIfAborted();
    return { exit, stdout, stderr };
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

async function readAll(stream: AsyncIterable<Uint8Array> | undefined): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream ?? []) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Arguments of a process are text in Node; a directory whose name is not UTF-8 cannot be one. */
function decode(directory: Buffer): string {
  const path = directory.toString();
  if (Buffer.from(path).equals(directory)) return path;
  throw RivetError.of('RIVET_CLI_TREE_FAILED', { path, reason: 'its name is not UTF-8' });
}

/** No git, no repository: there is nothing to ask. Anything else is a fault to tell. */
function isNoRepository({ exit, stderr }: GitResult): boolean {
  return exit.error?.code === 'ENOENT' || stderr.includes('not a git repository');
}

function failed(directory: Buffer, { exit, stderr }: GitResult): RivetError {
  const reason = exit.error?.message ?? stderr.trim().split('\n', 1)[0] ?? '';
  return RivetError.of('RIVET_CLI_TREE_FAILED', {
    path: directory.toString(),
    reason: `git says: ${reason === '' ? `exit code ${exit.code}` : reason}`,
  });
}

function splitAtNul(bytes: Buffer): Buffer[] {
  const names: Buffer[] = [];
  let start = 0;
  for (let end = bytes.indexOf(0); end !== -1; end = bytes.indexOf(0, start)) {
    // A repository inside comes with a slash at its end.
    const last = bytes[end - 1] === 0x2f ? end - 1 : end;
    const name = bytes.subarray(start, last);
    // An empty submodule lists itself.
    if (name.length > 0 && !name.equals(Buffer.from('.'))) names.push(name);
    start = end + 1;
  }
  return names;
}
