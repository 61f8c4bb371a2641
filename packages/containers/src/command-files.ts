// The files of one command in a control directory: made by the runner, opened once, dropped at the
// end.
//
// Everything here is synchronous: these are some microseconds each in a small directory that the
// page cache holds, where the way through the thread pool takes ten times as long.

import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  openSync,
  readSync,
  renameSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;

/** The files that the container writes. */
export const OUTPUT_FILES = ['stdout', 'stderr', 'status'] as const;
export type OutputFileName = (typeof OUTPUT_FILES)[number];

/** A file that the container writes to, as it was when it was made. */
export class OutputFile {
  #fd: number | undefined;
  /** Tells it from whatever the container puts in its place. */
  readonly inode: number;

  private constructor(fd: number, inode: number) {
    this.#fd = fd;
    this.inode = inode;
  }

  /** @param path where nothing may be yet */
  static make(path: string): OutputFile {
    const fd = openSync(path, O_RDONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o666);
    // Users of the container are other users here, and the mode of an open is cut by the umask.
    fchmodSync(fd, 0o666);
    return new OutputFile(fd, fstatSync(fd).ino);
  }

  /** Opens what another process made; undefined when that is not there any more. */
  static reopen(path: string, inode: number): OutputFile | undefined {
    let fd: number;
    try {
      // A FIFO in its place would not be waited for.
      fd = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    } catch {
      return undefined;
    }
    const found = fstatSync(fd);
    if (found.isFile() && found.ino === inode) return new OutputFile(fd, inode);
    closeSync(fd);
    return undefined;
  }

  /** Bytes in it now; 0 once it is closed. */
  get size(): number {
    return this.#fd === undefined ? 0 : fstatSync(this.#fd).size;
  }

  /** Whether its name was deleted: who opened that name after this has another file, or none. */
  get isDeleted(): boolean {
    return this.#fd === undefined || fstatSync(this.#fd).nlink === 0;
  }

  /** Reads from `position` into `buffer`; returns how many bytes there were. */
  read(buffer: Uint8Array, position: number): number {
    return this.#fd === undefined ? 0 : readSync(this.#fd, buffer, 0, buffer.length, position);
  }

  close(): void {
    const fd = this.#fd;
    this.#fd = undefined;
    if (fd !== undefined) closeSync(fd);
  }
}

/** The files of one command, opened when they were made. */
export interface CommandFiles {
  /** What the files and the requests of this command are called. */
  readonly name: string;
  readonly stdout: OutputFile;
  readonly stderr: OutputFile;
  readonly status: OutputFile;
  /** What the agent writes behind the output of a command. */
  readonly mark: Buffer;
}

/** Makes the output files `name` in `directory`; nothing is left open when it throws. */
export function makeCommandFiles(directory: string, name: string): CommandFiles {
  const made: OutputFile[] = [];
  try {
    for (const file of OUTPUT_FILES) made.push(OutputFile.make(join(directory, `${name}.${file}`)));
  } catch (error) {
    for (const file of made) file.close();
    throw error;
  }
  const [stdout, stderr, status] = made as [OutputFile, OutputFile, OutputFile];
  return { name, stdout, stderr, status, mark: makeMark() };
}

/** Opens the output files that another process made; undefined when one is not there any more. */
export function reopenCommandFiles(
  directory: string,
  { name, mark, inodes }: { name: string; mark: string; inodes: readonly number[] },
): CommandFiles | undefined {
  const opened = OUTPUT_FILES.map((file, index) =>
    OutputFile.reopen(join(directory, `${name}.${file}`), inodes[index] ?? 0),
  );
  const [stdout, stderr, status] = opened;
  if (stdout !== undefined && stderr !== undefined && status !== undefined) {
    return { name, stdout, stderr, status, mark: Buffer.from(mark, 'latin1') };
  }
  for (const file of opened) file?.close();
  return undefined;
}

/** Closes and deletes output files; what the container put in their place stays if it must. */
export function dropCommandFiles(directory: string, files: CommandFiles): void {
  for (const file of OUTPUT_FILES) {
    files[file].close();
    // The container may have put a directory there, which is left to the end.
    removeFile(join(directory, `${files.name}.${file}`));
  }
}

/** Writes what a command is started from, for the users of the container to read. */
export function writeInputFile(path: string, content: string | Uint8Array): void {
  const fd = openSync(path, 'wx', 0o644);
  try {
    fchmodSync(fd, 0o644);
    const bytes = typeof content === 'string' ? Buffer.from(content) : content;
    for (let from = 0; from < bytes.length; ) from += writeSync(fd, bytes, from);
  } finally {
    closeSync(fd);
  }
}

/** Writes such a file in the place of another: whoever reads it meets the whole of one of them. */
export function replaceInputFile(path: string, content: string | Uint8Array): void {
  const made = `${path}.new`;
  // A process that was killed may have left one.
  removeFile(made);
  try {
    writeInputFile(made, content);
    renameSync(made, path);
  } catch (error) {
    removeFile(made);
    throw error;
  }
}

/** Deletes a file; one that is gone, or became a directory, is no error. */
export function removeFile(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Whoever owns the directory removes all of it.
  }
}

/** The mark as a request line has it: printf in the agent makes the bytes of it. */
export function printfMark(mark: Buffer): string {
  return `\\036${mark.toString('latin1').slice(1)}`;
}

function makeMark(): Buffer {
  // Begins with a byte that it does not hold a second time, and that output rarely has.
  return Buffer.from(`\x1e${randomBytes(16).toString('hex')}`, 'latin1');
}
