// A clock that a test moves while a program runs by it: libfaketime between the program and the
// kernel. What is measured by the time since the machine booted is left alone, as by a real jump.
import { chmod, copyFile, glob, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface MovingClock {
  /** For the program that is to go by it. */
  readonly env: Readonly<Record<string, string>>;
  /** The program finds its clock so many hours before or behind the real one, from now on. */
  move(hours: number): Promise<void>;
  remove(): Promise<void>;
}

const LIBRARY = 'lib/*/faketime/libfaketimeMT.so.1';

/** Makes one that is right. @throws where the library is not there */
export async function createMovingClock(): Promise<MovingClock> {
  const directory = await mkdtemp(join(tmpdir(), 'rivet-clock-'));
  // Programs run as other users, who must get through, also where the library lies in a home.
  await chmod(directory, 0o711);
  const library = join(directory, 'libfaketime.so');
  await copyFile(await findLibrary(), library);
  await chmod(library, 0o755);
  const file = join(directory, 'offset');
  const move = async (hours: number): Promise<void> => {
    // In place: the program must never find no file.
    await writeFile(file, `${hours < 0 ? '' : '+'}${hours}h\n`, { flag: 'r+' });
  };
  await writeFile(file, '+0h \n', { mode: 0o644 });
  return {
    env: {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    },
    move,
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}

async function findLibrary(): Promise<string> {
  const unpacked = fileURLToPath(new URL('../../../../.setup/programs/usr/', import.meta.url));
  for (const root of [unpacked, '/usr/']) {
    for await (const path of glob(join(root, LIBRARY))) return path;
  }
  throw new Error('libfaketime is missing; sh scripts/test-programs.sh fetches it');
}
