// What is kept of a command beside its files, so that another process of the runner can follow it.
//
// It lies where no container looks. It is not synced: it is for the next process, and a machine
// that lost its power has no such command any more.
import { readFileSync, writeFileSync } from 'node:fs';
import { type CommandFiles, OUTPUT_FILES, removeFile } from './command-files.ts';

/** Where and how a command was asked for. */
export interface CommandRecord {
  /** What its files are called. */
  readonly name: string;
  readonly mark: string;
  /** Its output files, in the order of OUTPUT_FILES: what has their names may be something else. */
  readonly inodes: readonly number[];
  /** The FIFO at which its slot waits; null when it was started without one. */
  readonly fifo: string | null;
  /** Milliseconds since 1970. */
  readonly askedAtMs: number;
  /** Of one that begins by itself: nobody may ever come to ask for it. */
  readonly prepared?: PreparedRecord;
}

export interface PreparedRecord {
  /** What the files of the command are called after which it begins. */
  readonly after: string;
  /** Tells what it is from any other command. */
  readonly digest: string;
}

/** To be written before the command is asked for. */
export function writeCommandRecord(
  path: string,
  files: CommandFiles,
  fifo: string | null,
  prepared?: PreparedRecord,
): void {
  const record: CommandRecord = {
    name: files.name,
    mark: files.mark.toString('latin1'),
    inodes: OUTPUT_FILES.map((file) => files[file].inode),
    fifo,
    askedAtMs: Date.now(),
    ...(prepared === undefined ? {} : { prepared }),
  };
  // In one write: whoever dies before it has left an empty file, and has asked for nothing.
  writeFileSync(path, JSON.stringify(record), { mode: 0o600 });
}

/** Undefined when the command was never asked for. */
export function readCommandRecord(path: string): CommandRecord | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as CommandRecord;
  } catch {
    return undefined;
  }
}

export function removeCommandRecord(path: string): void {
  removeFile(path);
}
