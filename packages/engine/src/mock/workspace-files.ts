// The files of a test's workspace: what mocks put there, and what a case reads afterwards.
import { mkdir, readFile, realpath, stat, writeFile } from 'node:fs/promises';
import { dirname, relative, resolve, sep } from 'node:path';
import { RivetError } from '@rivet/base';

const FILE_BYTES_MAX = 10 * 1024 * 1024;

/** @throws RIVET_TEST_PATH for one that leaves the workspace */
export async function writeWorkspaceFiles(
  workspace: string,
  files: ReadonlyMap<string, string | Uint8Array>,
  caller: string,
): Promise<void> {
  for (const [path, content] of files) {
    const target = await insideWorkspace(workspace, path, caller);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, content);
  }
}

/** The content of a file; undefined when there is none. */
export async function readWorkspaceFile(
  workspace: string,
  path: string,
  caller: string,
): Promise<Uint8Array | undefined> {
  const target = await insideWorkspace(workspace, path, caller);
  const found = await stat(target).catch(() => undefined);
  if (found === undefined) return undefined;
  const problem = found.isFile()
    ? found.size > FILE_BYTES_MAX && 'is larger than 10 MB'
    : 'is no file';
  if (problem) throw RivetError.of('RIVET_TEST_PATH', { function: caller, path, problem });
  return await readFile(target);
}

/** The nearest directory that exists must lie in the workspace, whatever links the test made. */
async function insideWorkspace(workspace: string, path: string, caller: string): Promise<string> {
  const leaves = (): RivetError =>
    RivetError.of('RIVET_TEST_PATH', {
      function: caller,
      path,
      problem: 'leaves /workspace',
      hint: 'Give a path below /workspace, relative to it.',
    });
  const root = await realpath(workspace);
  const target = resolve(root, path);
  if (path.includes('\0') || isOutside(root, target) || target === root) throw leaves();
  for (let at = target; at !== root; at = dirname(at)) {
    const real = await realpath(at).catch(() => undefined);
    if (real === undefined) continue;
    if (isOutside(root, real)) throw leaves();
    break;
  }
  return target;
}

function isOutside(root: string, path: string): boolean {
  const inside = relative(root, path);
  return inside === '..' || inside.startsWith(`..${sep}`);
}
