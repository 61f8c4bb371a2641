// Removes directories that containers wrote to: whatever their owners, modes and links.
import { lstat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { formatDuration, RivetError } from '@rivet/base';
import { startProcess } from '@rivet/processes';
import { essence, type PodmanCli } from './cli.ts';

const REMOVE_TIMEOUT_MS = 10 * 60_000;
/** rm walks with file descriptors and follows no link; it stays on the file system it began on. */
const RM = ['rm', '-rf', '--one-file-system', '--'] as const;

/**
 * Removes `path` and everything in it; a path that is not there is fine.
 * @throws RIVET_CONTAINER_REMOVE_FAILED
 */
export async function removeTree(podman: PodmanCli, path: string): Promise<void> {
  if (!path.startsWith('/') || resolve(path) !== path || path === '/') {
    throw failed(path, 'only an absolute path without "..", other than "/", is removed');
  }
  const reason = await removeAsSelf(podman.path, path);
  if (!(await exists(path))) return;
  if (process.getuid?.() === 0) throw failed(path, reason);
  // Files of users that are mapped to this one: inside its user namespace it is their root.
  const result = await podman.run({
    action: `remove ${path}`,
    args: ['unshare', ...RM, path],
    timeoutMs: REMOVE_TIMEOUT_MS,
  });
  if (await exists(path)) throw failed(path, result.exitCode === 0 ? reason : essence(result));
}

async function removeAsSelf(searchPath: string, path: string): Promise<string> {
  const [file, ...args] = RM;
  const process = startProcess({
    file,
    args: [...args, path],
    env: { PATH: searchPath, LC_ALL: 'C' },
    stdin: 'ignore',
    stdout: 'ignore',
  });
  let reason = '';
  process.stderr?.setEncoding('utf8').on('data', (text: string) => {
    // The first complaint is enough; there may be one for each of a million files.
    if (reason.length < 2_000) reason += text;
  });
  const timer = setTimeout(() => process.kill('SIGKILL'), REMOVE_TIMEOUT_MS);
  const exit = await process.exit;
  clearTimeout(timer);
  if (exit.signal === 'SIGKILL') return `rm took more than ${formatDuration(REMOVE_TIMEOUT_MS)}`;
  return exit.error?.message ?? reason.split('\n')[0] ?? '';
}

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ENOENT';
  }
}

function failed(path: string, reason: string): RivetError {
  return RivetError.of('RIVET_CONTAINER_REMOVE_FAILED', { what: `the directory ${path}`, reason });
}
