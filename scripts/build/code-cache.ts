// Takes the code cache out of an image: the compiled code of all of Node's own modules, half of the
// file, which a process reads at its start. The modules that it needs are in the image, loaded.
import { readFile, writeFile } from 'node:fs/promises';

const SIZE_BYTES = 8;
const NAME_BYTES_MAX = 200;
const NAME = /^[\w/.-]+$/;
/** Node 24 has some 390. */
const MODULES_MIN = 50;
const MODULES_MAX = 5000;

/** Makes an image smaller; leaves one that is laid out in another way as it is, and says so. */
export async function leaveOutCodeCache(path: string): Promise<void> {
  const smaller = withoutCodeCache(await readFile(path));
  if (smaller !== undefined) await writeFile(path, smaller);
  else process.stderr.write(`build: ${path} has no code cache that can be left out\n`);
}

/**
 * The image without its code cache; undefined when there is none. It is the last thing in an image:
 * the number of modules, then of each its name and its code, both with their length in front.
 * @param image as `--build-snapshot` wrote it
 */
export function withoutCodeCache(image: Buffer): Buffer | undefined {
  for (let at = 0; at + SIZE_BYTES < image.length; at += 1) {
    if (!isCache(image, at)) continue;
    return Buffer.concat([image.subarray(0, at), Buffer.alloc(SIZE_BYTES)]);
  }
  return undefined;
}

/** Whether that many modules stand there, and nothing behind them. */
function isCache(image: Buffer, start: number): boolean {
  const modules = sizeAt(image, start);
  if (modules < MODULES_MIN || modules > MODULES_MAX) return false;
  let at = start + SIZE_BYTES;
  for (let index = 0; index < modules; index += 1) {
    const nameBytes = sizeAt(image, at);
    if (nameBytes > NAME_BYTES_MAX) return false;
    at += SIZE_BYTES;
    if (!NAME.test(image.toString('latin1', at, at + nameBytes))) return false;
    at += nameBytes;
    at += SIZE_BYTES + sizeAt(image, at);
    if (at > image.length) return false;
  }
  return at === image.length;
}

/** A length, infinite where none can be. */
function sizeAt(image: Buffer, at: number): number {
  if (at + SIZE_BYTES > image.length) return Number.POSITIVE_INFINITY;
  return image.readUInt32LE(at + 4) === 0 ? image.readUInt32LE(at) : Number.POSITIVE_INFINITY;
}
