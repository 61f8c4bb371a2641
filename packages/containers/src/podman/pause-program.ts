// The program that a container without a shell runs to stay there: one of the machine, mounted
// into it, which waits and takes care of processes that lost their parent.
import { open } from 'node:fs/promises';
import type { Mount } from '../driver.ts';

/** Where it is in the container. */
const TARGET = '/.rivet/pause';
/** Podman brings catatonit for its pods; where it lies depends on the distribution. */
const CATATONIT = [
  '/usr/libexec/podman/catatonit',
  '/usr/local/libexec/podman/catatonit',
  '/usr/lib/podman/catatonit',
  '/usr/libexec/catatonit/catatonit',
  '/usr/bin/catatonit',
  '/usr/local/bin/catatonit',
];
const BUSYBOX = ['/bin/busybox', '/usr/bin/busybox', '/usr/local/bin/busybox'];
const BUSYBOX_TARGET = '/.rivet/busybox';
/** A shell reaps what loses its parent while it waits for its own child. */
const BUSYBOX_LOOP = 'while :; do sleep 3600; done';

export interface PauseProgram {
  /** What the container runs. */
  readonly command: readonly string[];
  readonly mount: Mount;
}

/** Where to look for it: paths, in the order of preference. */
export interface PauseCandidates {
  readonly catatonit: readonly string[];
  readonly busybox: readonly string[];
}

/** The program of this machine; undefined when it has none that needs nothing of an image. */
export async function findPauseProgram(
  candidates: PauseCandidates = { catatonit: CATATONIT, busybox: BUSYBOX },
): Promise<PauseProgram | undefined> {
  for (const source of candidates.catatonit) {
    if (!(await isStaticProgram(source))) continue;
    return { command: [TARGET, '-P'], mount: { source, target: TARGET, readonly: true } };
  }
  for (const source of candidates.busybox) {
    if (!(await isStaticProgram(source))) continue;
    return {
      command: [BUSYBOX_TARGET, 'sh', '-c', BUSYBOX_LOOP],
      mount: { source, target: BUSYBOX_TARGET, readonly: true },
    };
  }
  return undefined;
}

const HEADER_BYTES = 4_096;
const PT_INTERP = 3;

/** Whether a file is an ELF program that asks for no dynamic linker. */
async function isStaticProgram(path: string): Promise<boolean> {
  const header = Buffer.alloc(HEADER_BYTES);
  try {
    const file = await open(path, 'r');
    try {
      const { bytesRead } = await file.read(header, 0, HEADER_BYTES, 0);
      return !hasInterpreter(header.subarray(0, bytesRead));
    } finally {
      await file.close();
    }
  } catch {
    return false;
  }
}

/** Also true of what is no 64-bit little-endian ELF file, which is nothing to run here. */
function hasInterpreter(header: Buffer): boolean {
  if (header.length < 64 || header.toString('latin1', 0, 6) !== '\x7fELF\x02\x01') return true;
  const offset = Number(header.readBigUInt64LE(32));
  const size = header.readUInt16LE(54);
  const count = header.readUInt16LE(56);
  for (let index = 0; index < count; index += 1) {
    const at = offset + index * size;
    if (at + 4 > header.length || header.readUInt32LE(at) === PT_INTERP) return true;
  }
  return false;
}
