// Makes the files of a release from a commit: source archive, list of packages, provenance, sums.
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { makeStatement, signStatement } from './provenance.ts';
import { run } from './run.ts';
import { makeSbom, type Sbom } from './sbom.ts';

export interface ReleaseOptions {
  /** A checkout with the commit. */
  readonly directory: string;
  /** A commit, branch or tag. */
  readonly ref: string;
  /** Made if it is not there; files of the same name are replaced. */
  readonly target: string;
  /** Where others find the source, such as `git+https://example.com/rivet.git`. */
  readonly source: string;
  /** A URI that stands for whoever makes this. */
  readonly builder: string;
  /** Ed25519 private key in PEM; without it the provenance is not signed. */
  readonly key: string | undefined;
}

/**
 * Writes the files and gives their names. The archive and the list are the same, byte for byte,
 * whoever makes them from the same commit.
 */
export async function makeRelease(options: ReleaseOptions): Promise<string[]> {
  const { directory, ref, target, source, builder, key } = options;
  const startedOn = new Date().toISOString();
  const git = async (...args: string[]): Promise<string> =>
    (await run('git', args, { cwd: directory })).toString().trim();
  const commit = await git('rev-parse', '--verify', `${ref}^{commit}`);
  const committedAt = new Date(Number(await git('show', '-s', '--format=%ct', commit)) * 1000);
  const manifest = JSON.parse(await git('show', `${commit}:package.json`));
  const name = `${manifest.name}-${manifest.version}`;
  const archive = await archiveOf(directory, commit, name);
  const sbom = await sbomOf(archive, name, committedAt.toISOString());
  const files = new Map<string, Buffer>([
    [`${name}.tar.gz`, gzipSync(archive, { level: 9 })],
    [`${name}.cdx.json`, json(sbom)],
  ]);
  const statement = makeStatement({
    subjects: [...files].map(([file, bytes]) => ({ name: file, sha256: sha256(bytes) })),
    source,
    ref,
    commit,
    sbom,
    builder,
    versions: {
      git: await git('version'),
      npm: (await run('npm', ['--version'], { cwd: directory })).toString().trim(),
      node: process.version,
    },
    startedOn,
    finishedOn: new Date().toISOString(),
  });
  files.set(`${name}.intoto.json`, json(statement));
  if (key !== undefined) files.set(`${name}.intoto.dsse.json`, json(signStatement(statement, key)));
  const sums = [...files].map(([file, bytes]) => `${sha256(bytes)}  ${file}\n`);
  files.set('SHA256SUMS', Buffer.from(sums.join('')));
  mkdirSync(target, { recursive: true });
  for (const [file, bytes] of files) writeFileSync(join(target, file), bytes);
  return [...files.keys()];
}

/** The tree of a commit as tar, below one folder. */
function archiveOf(directory: string, commit: string, name: string): Promise<Buffer> {
  const args = ['archive', '--format=tar', `--prefix=${name}/`, commit];
  return run('git', args, { cwd: directory });
}

/** Of the archive itself, and not of whatever lies beside it. */
async function sbomOf(archive: Buffer, name: string, timestamp: string): Promise<Sbom> {
  const unpacked = mkdtempSync(join(tmpdir(), 'rivet-release-'));
  try {
    writeFileSync(join(unpacked, 'source.tar'), archive);
    await run('tar', ['-xf', 'source.tar'], { cwd: unpacked });
    return await makeSbom(join(unpacked, name), timestamp);
  } finally {
    rmSync(unpacked, { recursive: true, force: true });
  }
}

/** Whether the sums in a directory of release files fit the files; the names of those that do not. */
export function brokenSums(target: string): string[] {
  const lines = readFileSync(join(target, 'SHA256SUMS'), 'utf8').trimEnd().split('\n');
  return lines.flatMap((line) => {
    const [sum = '', file = ''] = line.split('  ');
    return sha256(readFileSync(join(target, file))) === sum ? [] : [file];
  });
}

function json(value: object): Buffer {
  return Buffer.from(`${JSON.stringify(value, undefined, 2)}\n`);
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
