// A podman that stops working when it is told to: a program of that name in front of the real one.
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface BreakablePodman {
  /** The PATH with which programs find it. */
  readonly path: string;
  /** From now on every call fails as one whose storage is broken. */
  break(): Promise<void>;
  mend(): Promise<void>;
}

/** Makes one in a directory of its own, which is made. */
export async function makeBreakablePodman(directory: string): Promise<BreakablePodman> {
  await mkdir(directory);
  const [program, broken] = [join(directory, 'podman'), join(directory, 'broken')];
  const rest = process.env.PATH ?? '/usr/bin:/bin';
  const script = `#!/bin/sh
if [ -e '${broken}' ]; then echo 'Error: the storage of this test is broken' >&2; exit 125; fi
PATH='${rest}'; export PATH
exec podman "$@"
`;
  await writeFile(program, script);
  await chmod(program, 0o755);
  return {
    path: `${directory}:${rest}`,
    break: () => writeFile(broken, ''),
    mend: () => rm(broken, { force: true }),
  };
}
