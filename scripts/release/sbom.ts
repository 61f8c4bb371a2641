// The list of what is in a release (SBOM), in CycloneDX: made by npm from the lock file, the same
// for the same commit.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './run.ts';

interface Component {
  readonly type: string;
  readonly name: string;
  readonly version: string;
  readonly 'bom-ref': string;
  readonly purl: string;
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[];
}

export interface Sbom {
  readonly bomFormat: string;
  readonly specVersion: string;
  readonly components: readonly Component[];
  readonly metadata: { readonly component: Component };
}

/**
 * Lists the packages of an unpacked source tree; fails when the lock file does not fit the
 * manifests.
 * @param timestamp of the commit, ISO 8601
 */
export async function makeSbom(directory: string, timestamp: string): Promise<Sbom> {
  // Whatever level is set outside, what does not fit has to be said.
  const says = ['--loglevel=error', '--sbom-format=cyclonedx'];
  const args = ['sbom', '--package-lock-only', '--omit=dev', ...says];
  const made = JSON.parse((await run('npm', args, { cwd: directory })).toString());
  const { name, version } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));
  const lock = readFileSync(join(directory, 'package-lock.json'));
  return {
    ...made,
    // npm puts the hour, chance and the name of the folder here.
    serialNumber: `urn:uuid:${uuidOf(`${name} ${version} ${timestamp}`, lock)}`,
    metadata: {
      ...made.metadata,
      timestamp,
      component: { ...made.metadata.component, type: 'application', name },
    },
    components: [...made.components, ...vendored(directory)],
  };
}

/** What lies in the source tree itself, which npm knows nothing of. */
function vendored(directory: string): Component[] {
  const manifest = join(directory, 'packages/lua/vendor/fengari/package.json');
  const { name, version, license } = JSON.parse(readFileSync(manifest, 'utf8'));
  if (![name, version, license].every((text) => typeof text === 'string')) {
    throw new Error(`${manifest} does not say name, version and license of what is vendored`);
  }
  const component = {
    // The package of the same name and version may be there too, for comparisons.
    'bom-ref': `vendored/${name}@${version}`,
    type: 'library',
    name,
    version,
    scope: 'required',
    purl: `pkg:npm/${name}@${version}`,
    licenses: [{ license: { id: license } }],
    pedigree: {
      notes: 'copied into packages/lua/vendor and patched: its README lists the patches',
    },
  };
  return [component];
}

/** A UUID (version 8: its bits are ours) that the same content always gets. */
function uuidOf(text: string, bytes: Buffer): string {
  const hash = createHash('sha256').update(text).update(bytes).digest();
  hash[6] = 0x80 | ((hash[6] ?? 0) & 0x0f);
  hash[8] = 0x80 | ((hash[8] ?? 0) & 0x3f);
  const hex = hash.subarray(0, 16).toString('hex');
  const ends = [8, 12, 16, 20, 32];
  return ends.map((end, index) => hex.slice(ends[index - 1] ?? 0, end)).join('-');
}
