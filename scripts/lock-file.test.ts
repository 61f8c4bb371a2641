// Dependencies are pinned: the lock file fixes each package by its hash, and fits the manifests.
import { globSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

interface Locked extends Manifest {
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly link?: boolean;
}

const read = (path: string) => JSON.parse(readFileSync(path, 'utf8'));
const { packages }: { packages: Record<string, Locked> } = read('package-lock.json');
const manifests = ['package.json', ...globSync('{packages/*,apps/*,e2e,bench}/package.json')];
const declared = ({ dependencies, devDependencies, optionalDependencies }: Manifest) => ({
  ...dependencies,
  ...devDependencies,
  ...optionalDependencies,
});

describe('the lock file', () => {
  it('fixes every package from a registry by its SHA-512', () => {
    const loose = Object.entries(packages)
      .filter(([path, { link }]) => path.startsWith('node_modules/') && link !== true)
      .filter(([, { integrity }]) => !/^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity ?? ''));
    expect(loose.map(([path]) => path)).toEqual([]);
  });

  it('takes nothing from git, archives elsewhere or folders', () => {
    const elsewhere = Object.entries(packages).filter(
      ([path, { resolved, link }]) =>
        path.startsWith('node_modules/') &&
        link !== true &&
        resolved !== undefined &&
        !resolved.startsWith('https://registry.npmjs.org/'),
    );
    expect(elsewhere.map(([path]) => path)).toEqual([]);
  });

  it.each(manifests)('knows every dependency of %s', (path) => {
    const folder = dirname(path) === '.' ? '' : dirname(path);
    const locked = packages[folder] ?? {};
    expect(declared(locked), 'mend with: npm install').toEqual(declared(read(path)));
  });

  it.each(manifests)('gets only ranges of versions from %s', (path) => {
    const others = Object.entries(declared(read(path))).filter(
      ([, range]) => !/^[\^~]?\d+\.\d+\.\d+(-[\w.]+)?$/.test(range),
    );
    expect(others).toEqual([]);
  });
});
