// The style of the house as a test: import table, fenced dependencies, sizes, names, words, dead files.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';

const tracked = execFileSync('git', [
  'ls-files',
  '-z',
  '--cached',
  '--others',
  '--exclude-standard',
])
  .toString()
  .split('\0')
  // A file that was deleted and not committed yet is still listed.
  .filter((path) => path !== '' && !path.includes('/vendor/') && existsSync(path));
const read = (path: string): string => readFileSync(path, 'utf8');
const exists = new Set(tracked);

const units = tracked
  .filter((path) => /^((packages|apps)\/[^/]+|e2e|bench|simulation)\/package\.json$/.test(path))
  .map((path) => dirname(path));
const sources = tracked.filter(
  (path) => path.endsWith('.ts') && units.some((unit) => path.startsWith(`${unit}/`)),
);
const isTest = (path: string): boolean =>
  path.endsWith('.test.ts') ||
  path.startsWith('e2e/') ||
  path.startsWith('packages/testing/') ||
  path.startsWith('simulation/') ||
  /^apps\/(orchestrator|runner)\/src\/simulation\//.test(path);

interface Import {
  readonly from: string;
  readonly specifier: string;
}

/** Every import, re-export and dynamic import of a file, without those in comments and strings of code. */
function importsOf(path: string): Import[] {
  const text = read(path).replaceAll(/^\s*(\/\/|\*|\/\*).*$/gm, '');
  const patterns = [
    /^\s*(?:import|export)\b[^'"`;]*?\bfrom\s+['"]([^'"]+)['"]/gm,
    /^\s*import\s+['"]([^'"]+)['"]/gm,
    /\bimport\(\s*['"]([^'"]+)['"]\s*\)/g,
  ];
  return patterns.flatMap((pattern) =>
    [...text.matchAll(pattern)].map((match) => ({ from: path, specifier: match[1] ?? '' })),
  );
}

const imports = sources.flatMap(importsOf);
const unitOf = (path: string): string => units.find((unit) => path.startsWith(`${unit}/`)) ?? '';
const shortName = (unit: string): string => unit.replace(/^packages\//, '');

/** The table "unit | may import | fenced dependency" of docs/architecture.md. */
function importTable(): Map<string, { may: Set<string>; fenced: string[] }> {
  const table = new Map<string, { may: Set<string>; fenced: string[] }>();
  const section = read('docs/architecture.md').split('## The import table')[1] ?? '';
  for (const line of section.split('\n')) {
    const cells = line.split('|').map((cell) => cell.trim());
    if (cells.length !== 5 || cells[1] === 'unit' || cells[1]?.startsWith('--')) continue;
    const list = (cell: string | undefined): string[] =>
      (cell ?? '')
        .split(',')
        .map((name) => name.trim())
        .filter((name) => name !== '' && name !== '–');
    table.set(cells[1] ?? '', { may: new Set(list(cells[2])), fenced: list(cells[3]) });
  }
  return table;
}

const table = importTable();

describe('the import table of docs/architecture.md', () => {
  it('names every unit', () => {
    expect([...table.keys()].sort()).toEqual(units.map(shortName).sort());
  });

  it('holds for every import between units', () => {
    const wrong = imports.filter(({ from, specifier }) => {
      if (!specifier.startsWith('@rivet/')) return false;
      const [target = ''] = specifier.slice('@rivet/'.length).split('/');
      const may = table.get(shortName(unitOf(from)))?.may ?? new Set();
      // Tests may use the test harness, and nothing else may.
      if (target === 'testing') {
        const support = /^apps\/orchestrator\/src\/(.+\/)?test-[\w-]+\.ts$/;
        return !isTest(from) && !from.startsWith('bench/') && !support.test(from);
      }
      return !may.has(target);
    });
    expect(wrong, 'change the import, or the table with its reason').toEqual([]);
  });

  it('is not gone around by a path into another unit', () => {
    const wrong = imports.filter(({ from, specifier }) => {
      if (!specifier.startsWith('.')) return false;
      const target = normalize(join(dirname(from), specifier));
      return unitOf(target) !== unitOf(from);
    });
    expect(wrong, 'import the package, not its files').toEqual([]);
  });

  it('keeps each fenced dependency in its unit', () => {
    const owners = new Map<string, string>();
    for (const [unit, { fenced }] of table) {
      for (const dependency of fenced) owners.set(dependency, unit);
    }
    const wrong = imports.filter(({ from, specifier }) => {
      const dependency = packageOf(specifier);
      const owner = owners.get(dependency);
      // Tests start programs as a user would.
      if (dependency === 'node:child_process' && isTest(from)) return false;
      return owner !== undefined && owner !== shortName(unitOf(from));
    });
    expect(wrong, 'use the unit that owns the dependency').toEqual([]);
  });

  it('is what each package.json declares', () => {
    for (const unit of units) {
      const manifest = JSON.parse(read(`${unit}/package.json`)) as { dependencies?: object };
      const declared = Object.keys(manifest.dependencies ?? {})
        .filter((name) => name.startsWith('@rivet/'))
        .map((name) => name.slice('@rivet/'.length))
        .filter((name) => name !== 'testing');
      const may = table.get(shortName(unit))?.may ?? new Set();
      expect(
        declared.filter((name) => !may.has(name)),
        `${unit}/package.json`,
      ).toEqual([]);
    }
  });
});

function packageOf(specifier: string): string {
  if (specifier.startsWith('node:')) return specifier;
  const parts = specifier.split('/');
  return specifier.startsWith('@') ? parts.slice(0, 2).join('/') : (parts[0] ?? '');
}

describe('sizes', () => {
  const lines = (path: string): number => read(path).split('\n').length - 1;
  const code = sources.filter((path) => !isTest(path));

  it('no source file is longer than 500 lines, no test longer than 800', () => {
    const long = sources
      .map((path) => ({ path, lines: lines(path), cap: isTest(path) ? 800 : 500 }))
      .filter((file) => file.lines > file.cap);
    expect(long, 'split by stage or verb').toEqual([]);
  });

  it('the median source file has at most 120 lines, the 95th percentile at most 300', () => {
    const sorted = code.map(lines).sort((a, b) => a - b);
    const at = (share: number): number => sorted[Math.floor((sorted.length - 1) * share)] ?? 0;
    expect(at(0.5)).toBeLessThanOrEqual(120);
    expect(at(0.95)).toBeLessThanOrEqual(300);
  });

  it('lines have at most 100 columns', () => {
    const wide = sources.flatMap((path) =>
      read(path)
        .split('\n')
        .map((text, index) => ({ at: `${path}:${index + 1}`, text }))
        // A string, a template or a pattern cannot be broken without changing it; prose and code can.
        .filter(({ text }) => text.length > 100 && !/['"`/]/.test(text.replace(/^\s*\/\/.*/, ''))),
    );
    expect(wide).toEqual([]);
  });
});

describe('names and words', () => {
  it('no file or folder is a drawer', () => {
    const drawers =
      /^(utils?|helpers?|common|misc|managers?|types)(\.[a-z.]+)?$|-(utils?|helpers?|manager)\./;
    const wrong = tracked.filter((path) => path.split('/').some((part) => drawers.test(part)));
    expect(wrong, 'name it for what it does').toEqual([]);
  });

  it('source files are kebab-case', () => {
    const wrong = sources.filter(
      (path) => !/^[a-z0-9]+(-[a-z0-9]+)*(\.integration)?(\.test)?\.ts$/.test(basename(path)),
    );
    expect(wrong).toEqual([]);
  });

  it('every source file opens with a sentence that says what it is for', () => {
    const wrong = sources.filter((path) => !/^(#!.*\n)?\/\/ \S/.test(read(path)));
    expect(wrong).toEqual([]);
  });

  const banned: readonly { pattern: RegExp; instead: string; allowed?: RegExp }[] = [
    { pattern: /\b(TODO|FIXME|XXX|HACK)\b/, instead: 'finish it, or name it in an issue' },
    { pattern: /\.(only|todo)\(/, instead: 'run all the tests' },
    { pattern: /\bexport default\b/, instead: 'a named export', allowed: /^vitest\.config\.ts$/ },
    { pattern: /@ts-(ignore|nocheck)/, instead: 'a type that is true' },
    {
      pattern: /\bprocess\.exit\(/,
      instead: 'process.exitCode, or an error',
      allowed: /(^|\/)(main|run-runner|exit|child)\b|\/child\//,
    },
    {
      // Names that are not ours to choose: registries, media types, environment variables.
      pattern: /\bdocker(file)?\b(?!\.io|\.com|hub|\.sock|-registry|-compose|-entrypoint|\/)/i,
      instead: 'container, containerfile',
    },
    { pattern: /\bcan(['’]t| not)\b/i, instead: 'cannot' },
    {
      // Whoever has loaded it before has loaded its imports, without what takes their place.
      pattern: /\bvi\.(doMock|mock|resetModules|unmock)\(/,
      instead: 'vi.spyOn, which the test undoes: unit tests share their modules',
      allowed: /\.integration\.test\.ts$/,
    },
  ];
  it.each(banned)('nothing says $pattern', ({ pattern, instead, allowed }) => {
    const wrong = tracked
      .filter((path) => /\.(ts|lua|sh|sql)$/.test(path) && path !== 'tidy.test.ts')
      .filter((path) => allowed === undefined || !allowed.test(path))
      .flatMap((path) =>
        read(path)
          .split('\n')
          .map((text, index) => ({ at: `${path}:${index + 1}`, text }))
          .filter(({ text }) => pattern.test(text)),
      );
    expect(wrong, `instead: ${instead}`).toEqual([]);
  });
});

describe('dead files', () => {
  it('every source file is imported by another, or is where a program begins', () => {
    const entry =
      /\/(index|([\w-]+-)?main|migrate|bootstrap|global-setup|schema-snapshot)\.ts$|\/bin\//;
    const used = new Set(
      imports
        .filter(({ specifier }) => specifier.startsWith('.'))
        .map(({ from, specifier }) => normalize(join(dirname(from), specifier))),
    );
    // Programs that are started by path, such as the child that runs Lua.
    const started = new Set(
      sources.flatMap((path) =>
        [...read(path).matchAll(/new URL\(\s*'([^']+)',\s*import\.meta\.url/g)].map((match) =>
          normalize(join(dirname(path), match[1] ?? '')),
        ),
      ),
    );
    const dead = sources.filter(
      (path) => !isTest(path) && !entry.test(path) && !used.has(path) && !started.has(path),
    );
    expect(dead).toEqual([]);
  });

  it('every relative import leads to a tracked file', () => {
    const missing = imports.filter(
      ({ from, specifier }) =>
        specifier.startsWith('.') &&
        !specifier.includes('/vendor/') &&
        !exists.has(normalize(join(dirname(from), specifier))),
    );
    expect(missing).toEqual([]);
  });
});

describe('every package', () => {
  it('is entered through its index.ts only', () => {
    for (const unit of units.filter((name) => name.startsWith('packages/'))) {
      const manifest = JSON.parse(read(`${unit}/package.json`)) as { exports?: unknown };
      expect(manifest.exports, unit).toBe('./src/index.ts');
    }
  });
});
