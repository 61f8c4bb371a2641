// `npm run build`: programs as few files of JavaScript, and the image that Lua processes start from,
// in build/. Everything also runs from the sources; what was built starts faster and needs less
// memory, and is used while no source has changed. With `--if-stale` only what is not there.
import { existsSync } from 'node:fs';
import { mkdir, readdir, readlink, rename, rm, symlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BUILD_DIRECTORY, findBuild, programSources } from '../packages/base/src/index.ts';
import { LUA_IMAGE, LUA_IMAGE_ENTRY, makeImage } from '../packages/lua/src/index.ts';
import { bundle } from './build/bundle.ts';
import { buildCheckImage, CHECK_IMAGE } from './build/check-image.ts';
import { leaveOutCodeCache } from './build/code-cache.ts';
import { rehearsedPrograms } from './build/rehearsed-programs.ts';
import { buildRunImage, RUN_IMAGE } from './build/run-image.ts';
import { writeStamp } from './build/stamp.ts';
import { writeSurroundings } from './build/surroundings.ts';

/** Programs that run may load a part of theirs later: so many builds are kept. */
const BUILDS_KEPT = 3;

const root = fileURLToPath(new URL('..', import.meta.url));
const current = join(root, BUILD_DIRECTORY);
const builds = join(current, '..');

const commandLine = { rivet: 'apps/cli/src/bundled-main.ts' };
/** In the order in which `rivet check` needs them. */
const TOGETHER = [
  'early-lua',
  'lua-engine',
  'installation',
  'run-rivet',
  'parse',
  'commands/check',
].map((name) => `apps/cli/src/${name}.ts`);
/** What programs start by the place of its source. */
const YAML = { name: 'yaml', path: 'packages/engine/src/yaml/yaml-main.ts' };
const children = new Map([[YAML.path, YAML.name]]);
/** What a runner does before it loads the rest; it waits for days, and is to be small meanwhile. */
const RUNNER_FIRST = ['packages/base/src/optimised-code.ts', 'packages/processes/src/init.ts'];

await main();

async function main(): Promise<void> {
  const stale = [
    ...Object.keys({ ...commandLine, ...programSources }),
    LUA_IMAGE,
    CHECK_IMAGE,
    RUN_IMAGE,
  ].some((name) => findBuild(root, name) === undefined);
  if (process.argv.includes('--if-stale') && !stale) return;
  const beganAt = performance.now();
  const directory = join(builds, `${Date.now()}-${process.pid}`);
  await mkdir(directory, { recursive: true });
  try {
    await buildImage(directory);
    await buildPrograms(directory);
    await buildCheckImage(root, directory);
    await publish(directory);
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
  await removeOld();
  const seconds = ((performance.now() - beganAt) / 1000).toFixed(1);
  process.stdout.write(`build: wrote build/${basename(directory)} in ${seconds} s\n`);
}

async function buildImage(directory: string): Promise<void> {
  const sources = await bundle({
    root,
    directory,
    entries: { [LUA_IMAGE]: LUA_IMAGE_ENTRY },
    whole: true,
  });
  const script = join(directory, `${LUA_IMAGE}.cjs`);
  await makeImage(script, await rehearsedPrograms(), directory);
  await leaveOutCodeCache(join(directory, `${LUA_IMAGE}.blob`));
  await writeStamp(root, directory, LUA_IMAGE, sources.get(LUA_IMAGE) ?? []);
}

async function buildPrograms(directory: string): Promise<void> {
  const options = { root, directory, children };
  const yaml = await bundle({ ...options, entries: { [YAML.name]: YAML.path }, whole: true });
  const sources = [...(await bundle({ ...options, entries: commandLine, together: TOGETHER }))];
  // Each for itself: a file that two of them share holds what one of them has no use for.
  for (const [name, path] of Object.entries(programSources)) {
    const shape = name === 'runner' ? { byPackage: { without: RUNNER_FIRST } } : {};
    sources.push(...(await bundle({ ...options, ...shape, entries: { [name]: path } })));
  }
  await writeSurroundings(directory);
  const childPaths = yaml.get(YAML.name) ?? [];
  await buildRunImage(root, directory, { children, childPaths });
  for (const [name, paths] of sources) {
    await writeStamp(root, directory, name, [...new Set([...paths, ...childPaths])]);
  }
}

/** Makes it the current one, in one step. */
async function publish(directory: string): Promise<void> {
  const link = `${directory}.link`;
  await symlink(basename(directory), link);
  await rename(link, current);
}

async function removeOld(): Promise<void> {
  const newest = existsSync(current) ? await readlink(current) : '';
  const names = (await readdir(builds)).filter((name) => /^\d+-\d+(\.link)?$/.test(name));
  const age = (name: string): number => Number.parseInt(name, 10);
  const old = names.sort((a, b) => age(b) - age(a)).slice(BUILDS_KEPT);
  for (const name of old) {
    if (name !== newest) await rm(join(builds, name), { recursive: true, force: true });
  }
}
