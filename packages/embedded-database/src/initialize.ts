// Makes a new cluster, so that it is either there as a whole or not at all.
import { randomBytes } from 'node:crypto';
import { chown, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RivetError } from '@rivet/base';
import { startProcess } from '@rivet/processes';
import type { Account } from './account.ts';
import type { Programs } from './programs.ts';

/** Superuser of the cluster and owner of the database, and the name of that database. */
export const DATABASE_NAME = 'rivet';

export interface Cluster {
  /** The data directory in the sense of PostgreSQL. */
  readonly directory: string;
  readonly password: string;
}

/**
 * Opens the cluster in `home`, making it when there is none.
 * @throws RIVET_EMBEDDED_DATABASE_FAILED, RIVET_EMBEDDED_DATABASE_VERSION
 */
export async function openCluster(
  home: string,
  programs: Programs,
  account: Account | undefined,
  durable: boolean,
): Promise<Cluster> {
  const directory = join(home, 'cluster');
  const passwordFile = join(home, 'password');
  if (await isThere(directory)) {
    const found = (await readFile(join(directory, 'PG_VERSION'), 'utf8')).trim();
    if (found !== String(programs.version)) {
      throw RivetError.of('RIVET_EMBEDDED_DATABASE_VERSION', {
        directory,
        found,
        expected: String(programs.version),
      });
    }
    return { directory, password: (await readFile(passwordFile, 'utf8')).trim() };
  }
  const password = randomBytes(24).toString('hex');
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  if (account !== undefined) await chown(passwordFile, account.uid, account.gid);
  const unfinished = join(home, 'cluster.unfinished');
  await rm(unfinished, { recursive: true, force: true });
  const auth = ['--auth=scram-sha-256', `--pwfile=${passwordFile}`];
  const text = ['--encoding=UTF8', '--no-locale', '--no-instructions'];
  const sync = durable ? [] : ['--no-sync'];
  await runAs(account, home, programs.initdb, [
    `--pgdata=${unfinished}`,
    `--username=${DATABASE_NAME}`,
    ...auth,
    ...text,
    ...sync,
  ]);
  const single = ['--single', '-D', unfinished, '-c', 'fsync=off', 'postgres'];
  await runAs(account, home, programs.postgres, single, `CREATE DATABASE ${DATABASE_NAME};\n`);
  await rename(unfinished, directory);
  return { directory, password };
}

async function runAs(
  account: Account | undefined,
  home: string,
  file: string,
  args: readonly string[],
  input = '',
): Promise<void> {
  const child = startProcess({
    file,
    args,
    cwd: home,
    env: { LC_ALL: 'C', TZ: 'UTC', PATH: process.env.PATH },
    ...account,
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-4000);
    });
  }
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(input);
  const timer = setTimeout(() => child.kill('SIGKILL'), 120_000);
  const exit = await child.exit;
  clearTimeout(timer);
  if (exit.code === 0) return;
  const reason = exit.error?.message ?? lastWords(said, exit.code);
  throw RivetError.of('RIVET_EMBEDDED_DATABASE_FAILED', { directory: home, reason, said });
}

/** The line that says why: PostgreSQL's programs mark it. */
export function lastWords(output: string, code: number | null): string {
  const lines = output.trim().split('\n');
  const marked = lines.findLast((line) => /\b(FATAL|PANIC|error|ERROR):/.test(line));
  return marked ?? lines.at(-1) ?? `exit code ${code}`;
}

async function isThere(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}
