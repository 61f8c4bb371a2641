// The file that tells the shell which supervises a command what begins when that has ended: the
// shell reads it as a script when the exit code is 0.
//
// It stays until that exit was heard of: a shell that has found it and then cannot read it would
// end. What is not to begin any more is replaced by nothing.
import { readdirSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { removeFile, replaceInputFile } from './command-files.ts';

const END = '.next';

/** What is to begin: a slot, and the FIFO at which it waits. */
export interface NextSlot {
  readonly name: string;
  readonly fifo: string;
}

/** Whoever reads the file of the command `before` meets the whole of it. */
export function writeNext(directory: string, before: string, { name, fifo }: NextSlot): void {
  for (const word of [name, fifo]) {
    // Both are the runner's own; a shell reads them.
    if (!/^[A-Za-z0-9_.-]+$/.test(word)) throw new Error(`no name of a slot: ${word}`);
  }
  replaceInputFile(join(directory, before + END), `rivet_next=${name} rivet_fifo=${fifo}\n`);
}

/** Nothing is to begin; never throws. */
export function clearNext(directory: string, before: string): void {
  const path = join(directory, before + END);
  try {
    replaceInputFile(path, '');
  } catch {
    empty(path);
  }
}

/** On a full disk there is no room for another file. */
function empty(path: string): void {
  try {
    truncateSync(path);
  } catch {
    // Nobody reads it in a directory that is gone.
  }
}

export function dropNext(directory: string, before: string): void {
  removeFile(join(directory, before + END));
}

/** The commands that have such a file. */
export function leftNext(directory: string): readonly string[] {
  return readdirSync(directory).flatMap((name) =>
    name.endsWith(END) ? [name.slice(0, -END.length)] : [],
  );
}
