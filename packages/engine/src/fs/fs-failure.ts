// What the file system answered, as an error that says what to do.
import { constants } from 'node:fs';
import { describeThrown, isRivetError, RivetError } from '@rivet/base';
import { type PathBytes, showPath } from './script-path.ts';

/** Who asks for something in the workspace. */
export interface FsCall {
  /** Name of the host function, for messages. */
  readonly function: string;
  /** Host directory that is /workspace in the containers. */
  readonly workspace: string;
  /** Aborts when the branch must stop; the reason is what a call throws then. */
  readonly signal: AbortSignal;
}

/** The owner and the mode of what was refused. */
interface Owner {
  readonly uid: number;
  readonly mode: number;
}

/** The permission bits as `chmod` takes them: `"0644"`. */
export function showMode(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, '0');
}

/**
 * A RivetError for an error of the file system; others are returned as they are.
 * @param owner of the entry or of the directory that it is in, when it is known
 */
export function fsFailure(error: unknown, call: FsCall, path: PathBytes, owner?: Owner): unknown {
  if (isRivetError(error) || call.signal.aborted) return error;
  const where = { function: call.function, path: showPath(path) };
  switch (errnoOf(error)) {
    case 'ENOENT':
      return RivetError.of('RIVET_FS_NOT_FOUND', { ...where, nearest: '' }, error);
    case 'EACCES':
    case 'EPERM':
      return RivetError.of('RIVET_FS_ACCESS', { ...where, owner: showOwner(owner) }, error);
    case 'ENOSPC':
    case 'EDQUOT':
      return RivetError.of('RIVET_FS_DISK_FULL', where, error);
    case 'ENAMETOOLONG':
      return pathFailure(where, 'a name in it is longer than 255 bytes', error);
    case 'EAGAIN':
    case 'ETXTBSY':
    case 'EBUSY':
      return RivetError.of('RIVET_FS_BUSY', where, error);
    case 'ENOTDIR':
    case 'EISDIR':
    case 'ELOOP':
    case 'EEXIST':
    case 'ENOTEMPTY':
    case 'EINVAL':
      return changed(call, path, error);
    default:
      return RivetError.of('RIVET_FS_FAILED', { ...where, reason: describeThrown(error) }, error);
  }
}

/** Something else put another thing in this place between two steps of one call. */
export function changed(call: FsCall, path: PathBytes, cause?: unknown): RivetError {
  const where = { function: call.function, path: showPath(path) };
  return RivetError.of('RIVET_FS_CHANGED', where, cause);
}

/** The code of a system error, such as `ENOENT`. */
export function errnoOf(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}

function pathFailure(
  where: { function: string; path: string },
  reason: string,
  cause: unknown,
): RivetError {
  return RivetError.of('RIVET_FS_PATH', { ...where, reason }, cause);
}

function showOwner(owner: Owner | undefined): string {
  if (owner === undefined) return '';
  const what = (owner.mode & constants.S_IFMT) === constants.S_IFDIR ? 'directory' : 'file';
  return `; the ${what} belongs to user ${owner.uid} and has the mode ${showMode(owner.mode)}`;
}
