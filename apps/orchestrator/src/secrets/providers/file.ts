// The provider "file": each file of one directory is a value, as orchestrators of containers mount
// them.
import { constants } from 'node:fs';
import { type FileHandle, open, realpath } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { describeThrown, RivetError, SecretText } from '@rivet/base';
import { providerFailed, referenceInvalid, type SecretSource } from './secret-source.ts';

const FILE_BYTES_MAX = 64 * 1024;

/** @param directory links in it may lead to other files in it, and no further */
export function fileSource(directory: string): SecretSource {
  const checkReference = (reference: string): void => {
    // One component that begins with no dot: there is no way out, and none into `..data`.
    if (/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}$/.test(reference)) return;
    throw referenceInvalid('file', reference, 'the name of a file without a directory');
  };
  return {
    name: 'file',
    checkReference,
    async read(reference) {
      checkReference(reference);
      let file: FileHandle | undefined;
      try {
        const root = await realpath(directory);
        const path = await realpath(join(root, reference));
        if (!path.startsWith(root + sep)) throw failed(reference, 'it is a link out of there');
        file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
        return await readText(reference, file);
      } catch (error) {
        if (error instanceof RivetError) throw error;
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'ENOENT') return undefined;
        throw failed(reference, code ?? describeThrown(error), error);
      } finally {
        await file?.close();
      }
    },
  };
}

async function readText(reference: string, file: FileHandle): Promise<SecretText> {
  const stat = await file.stat();
  if (!stat.isFile()) throw failed(reference, 'it is no regular file');
  if (stat.size > FILE_BYTES_MAX) throw failed(reference, `it has ${stat.size} bytes`);
  const bytes = await file.readFile();
  try {
    return new SecretText(
      withoutLineEnd(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)),
    );
  } catch (error) {
    throw failed(reference, 'it is no text in UTF-8', error);
  } finally {
    bytes.fill(0);
  }
}

/** A token in a file has a line end that is no part of it; a key of many lines needs its last. */
function withoutLineEnd(text: string): string {
  return /^[^\r\n]*\r?\n$/.test(text) ? text.replace(/\r?\n$/, '') : text;
}

function failed(reference: string, reason: string, cause?: unknown): RivetError {
  return providerFailed('file', reference, reason, cause);
}
