// Paths as scripts write them: any bytes, relative to /workspace, split into their components.
import { isUtf8 } from 'node:buffer';
import { RivetError } from '@rivet/base';

/**
 * A path or a name as the file system has it: its bytes, one to one in a latin1 string. Names need
 * not be UTF-8, and a name that was read must be found again.
 */
export type PathBytes = string;

/** Where the workspace is in every container. */
const MOUNT = '/workspace';
/** As in Linux; also bounds what a link may say. */
const PATH_BYTES_MAX = 4096;

export function pathBytes(path: string | Uint8Array): PathBytes {
  return Buffer.from(path as string).toString('latin1');
}

/** The path for Lua and for people: text, bytes when it is no UTF-8. */
export function pathValue(path: PathBytes): string | Uint8Array {
  const bytes = Buffer.from(path, 'latin1');
  return isUtf8(bytes) ? bytes.toString('utf8') : new Uint8Array(bytes);
}

/** The text of a path; what is no UTF-8 becomes U+FFFD. */
export function pathText(path: PathBytes): string {
  return Buffer.from(path, 'latin1').toString('utf8');
}

/** A path in a message: quoted, on one line, not too long. */
export function showPath(path: PathBytes): string {
  const text = pathText(path);
  return JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text);
}

/**
 * The components of a path without `.` and empty ones. A path that begins with `/workspace` means
 * the same as in a container.
 * @returns undefined for an absolute path to another place
 * @throws RIVET_FS_PATH
 */
export function splitPath(name: string, path: PathBytes): string[] | undefined {
  const wrong = (reason: string): RivetError =>
    RivetError.of('RIVET_FS_PATH', { function: name, path: showPath(path), reason });
  if (path === '') throw wrong('it is empty');
  if (path.includes('\0')) throw wrong('it has a NUL byte');
  if (path.length > PATH_BYTES_MAX) throw wrong(`it is longer than ${PATH_BYTES_MAX} bytes`);
  const components = path.split('/').filter((part) => part !== '' && part !== '.');
  if (!path.startsWith('/')) return components;
  return components[0] === MOUNT.slice(1) ? components.slice(1) : undefined;
}

export function joinPath(directory: PathBytes, name: PathBytes): PathBytes {
  return directory === '.' ? name : `${directory}/${name}`;
}
