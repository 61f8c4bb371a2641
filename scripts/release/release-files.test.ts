// The files of a release: made from a commit, the same each time, and verified by another program.
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readAuditReport } from './advisories.ts';
import { brokenSums, makeRelease, type ReleaseOptions } from './make-release.ts';
import { type Envelope, preAuthenticationEncoding, signStatement } from './provenance.ts';

let directory: string;
let options: ReleaseOptions;
let made: string[];

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const SHA512 = Buffer.alloc(64, 7);
const VENDORED = 'packages/lua/vendor/fengari';

const git = (...args: string[]) =>
  execFileSync('git', args, { cwd: directory, env: { ...process.env, ...identity } }).toString();
const identity = {
  GIT_AUTHOR_NAME: 'a',
  GIT_AUTHOR_EMAIL: 'a@example.com',
  GIT_COMMITTER_NAME: 'a',
  GIT_COMMITTER_EMAIL: 'a@example.com',
};
const read = (file: string) => readFileSync(join(options.target, file));
const parse = (file: string) => JSON.parse(read(file).toString());

/** A project with one package, as its lock file has it. */
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'rivet-release-test-'));
  const dependencies = { left: '^1.0.0' };
  const devDependencies = { tester: '1.0.0' };
  const root = { name: 'rivet', version: '1.2.3', license: 'Apache-2.0' };
  const integrity = `sha512-${SHA512.toString('base64')}`;
  const manifest = { ...root, private: true, dependencies, devDependencies };
  const lock = {
    name: root.name,
    version: root.version,
    lockfileVersion: 3,
    requires: true,
    packages: {
      '': { ...root, dependencies, devDependencies },
      'node_modules/left': { version: '1.0.4', integrity, license: 'MIT' },
      'node_modules/tester': { version: '1.0.0', integrity, license: 'MIT', dev: true },
    },
  };
  mkdirSync(join(directory, VENDORED), { recursive: true });
  const files = {
    'package.json': manifest,
    'package-lock.json': lock,
    [`${VENDORED}/package.json`]: { name: 'fengari', version: '0.1.5', license: 'MIT' },
  };
  for (const [file, value] of Object.entries(files)) {
    writeFileSync(join(directory, file), JSON.stringify(value));
  }
  git('init', '-q', '-b', 'main');
  git('add', '.');
  git('commit', '-qm', 'first');
  options = {
    directory,
    ref: 'main',
    target: join(directory, 'dist'),
    source: 'git+https://example.com/rivet.git',
    builder: 'https://example.com/builder',
    key: pem,
  };
  made = await makeRelease(options);
}, 60_000);

afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe('the files of a release', () => {
  it('are archive, list, provenance, signature and sums, which fit', () => {
    expect(made).toEqual([
      'rivet-1.2.3.tar.gz',
      'rivet-1.2.3.cdx.json',
      'rivet-1.2.3.intoto.json',
      'rivet-1.2.3.intoto.dsse.json',
      'SHA256SUMS',
    ]);
    expect(brokenSums(options.target)).toEqual([]);
    execFileSync('sha256sum', ['-c', '--quiet', 'SHA256SUMS'], { cwd: options.target });
    const inside = execFileSync('tar', ['-tzf', join(options.target, 'rivet-1.2.3.tar.gz')]);
    expect(inside.toString().split('\n')).toContain('rivet-1.2.3/package-lock.json');
  });

  it('notice a byte that was changed', () => {
    const copy = join(directory, 'copy');
    cpSync(options.target, copy, { recursive: true });
    const bytes = read('rivet-1.2.3.tar.gz');
    bytes[20]! ^= 1;
    writeFileSync(join(copy, 'rivet-1.2.3.tar.gz'), bytes);
    expect(brokenSums(copy)).toEqual(['rivet-1.2.3.tar.gz']);
  });

  it('are the same for the same commit, whatever lies beside it', async () => {
    writeFileSync(join(directory, 'secret.txt'), 'not committed');
    const target = join(directory, 'again');
    await makeRelease({ ...options, target });
    for (const file of ['rivet-1.2.3.tar.gz', 'rivet-1.2.3.cdx.json']) {
      expect(readFileSync(join(target, file)).equals(read(file)), file).toBe(true);
    }
  });

  it('list the packages with their hashes, and what is vendored, and no tools', () => {
    const { bomFormat, specVersion, metadata, components } = parse('rivet-1.2.3.cdx.json');
    expect({ bomFormat, specVersion }).toEqual({ bomFormat: 'CycloneDX', specVersion: '1.5' });
    expect(metadata.component).toMatchObject({ type: 'application', name: 'rivet' });
    const refs = components.map((component: { 'bom-ref': string }) => component['bom-ref']);
    expect(new Set(refs).size).toBe(refs.length);
    expect(components).toMatchObject([
      {
        purl: 'pkg:npm/left@1.0.4',
        hashes: [{ alg: 'SHA-512', content: SHA512.toString('hex') }],
      },
      { purl: 'pkg:npm/fengari@0.1.5' },
    ]);
  });

  it('say from which commit, with which packages and by whom they were made', () => {
    const statement = parse('rivet-1.2.3.intoto.json');
    const commit = git('rev-parse', 'main').trim();
    expect(statement).toMatchObject({
      _type: 'https://in-toto.io/Statement/v1',
      subject: [{ name: 'rivet-1.2.3.tar.gz' }, { name: 'rivet-1.2.3.cdx.json' }],
      predicateType: 'https://slsa.dev/provenance/v1',
      predicate: {
        buildDefinition: {
          resolvedDependencies: [
            { uri: 'git+https://example.com/rivet.git@main', digest: { gitCommit: commit } },
            { uri: 'pkg:npm/left@1.0.4', digest: { sha512: SHA512.toString('hex') } },
          ],
        },
        runDetails: { builder: { id: 'https://example.com/builder' } },
      },
    });
    const sums = read('SHA256SUMS').toString();
    for (const { name, digest } of statement.subject) {
      expect(sums).toContain(`${digest.sha256}  ${name}\n`);
    }
  });

  it('are not made when the lock file does not fit', async () => {
    const manifest = join(directory, 'package.json');
    const changed = JSON.parse(readFileSync(manifest, 'utf8'));
    changed.dependencies.right = '1.0.0';
    git('checkout', '-q', '-b', 'unlocked');
    writeFileSync(manifest, JSON.stringify(changed));
    git('commit', '-qam', 'without the lock');
    await expect(makeRelease({ ...options, ref: 'unlocked' })).rejects.toThrow(/missing: right@1/);
  });
});

describe('the signature', () => {
  /** Verifies as somebody without our code would. */
  function opensslSays({ payloadType, payload, signatures }: Envelope): boolean {
    const at = (name: string) => join(directory, name);
    const bytes = Buffer.from(payload, 'base64');
    writeFileSync(at('pae'), preAuthenticationEncoding(payloadType, bytes));
    writeFileSync(at('sig'), Buffer.from(signatures[0]?.sig ?? '', 'base64'));
    writeFileSync(at('public.pem'), publicKey.export({ type: 'spki', format: 'pem' }));
    const inputs = ['-inkey', at('public.pem'), '-in', at('pae'), '-sigfile', at('sig')];
    const args = ['pkeyutl', '-verify', '-pubin', '-rawin', ...inputs];
    try {
      return execFileSync('openssl', args, { stdio: 'pipe' }).toString().includes('Verified');
    } catch {
      return false;
    }
  }

  it('is one that openssl takes, over the statement that lies beside it', () => {
    const envelope: Envelope = parse('rivet-1.2.3.intoto.dsse.json');
    expect(opensslSays(envelope)).toBe(true);
    const signed = JSON.parse(Buffer.from(envelope.payload, 'base64').toString());
    expect(signed).toEqual(parse('rivet-1.2.3.intoto.json'));
  });

  it('does not fit another statement, type or key', () => {
    const envelope = signStatement({ a: 1 }, pem);
    expect(opensslSays(envelope)).toBe(true);
    const other = Buffer.from('{"a":2}').toString('base64');
    expect(opensslSays({ ...envelope, payload: other })).toBe(false);
    expect(opensslSays({ ...envelope, payloadType: 'text/plain' })).toBe(false);
    const stranger = generateKeyPairSync('ed25519').privateKey;
    const theirs = stranger.export({ type: 'pkcs8', format: 'pem' }).toString();
    expect(opensslSays(signStatement({ a: 1 }, theirs))).toBe(false);
  });

  it.each([
    ['nonsense', 'is no private key'],
    [
      generateKeyPairSync('ec', { namedCurve: 'P-256' })
        .privateKey.export({ type: 'pkcs8', format: 'pem' })
        .toString(),
      'is a key for ec; expected ed25519',
    ],
  ])('is not made with another kind of key, which is not shown', (key, message) => {
    expect(() => signStatement({}, key)).toThrow(message);
    expect(() => signStatement({}, key)).not.toThrow(key.slice(0, 60));
  });
});

describe('what npm audit says', () => {
  it('is clean, vulnerable with names, or unknown; never clean by mistake', () => {
    const clean = { vulnerabilities: {}, metadata: { dependencies: { total: 300 } } };
    expect(readAuditReport(JSON.stringify(clean))).toEqual({ kind: 'clean', packages: 300 });
    const via = [{ title: 'Path traversal' }, 'tar'];
    const found = { vulnerabilities: { npm: { severity: 'high', via } } };
    expect(readAuditReport(JSON.stringify(found))).toEqual({
      kind: 'vulnerable',
      findings: ['npm (high): Path traversal; by tar'],
    });
    for (const text of ['', '{}', '{"message":"405 Method Not Allowed"}', '{"error":{}}']) {
      expect(readAuditReport(text).kind).toBe('unknown');
    }
  });
});
