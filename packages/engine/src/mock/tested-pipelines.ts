// The pipelines that the cases of test files run: each read, checked and evaluated once.
import { access, realpath } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { RivetError } from '@rivet/base';
import type { LuaEngine } from '@rivet/lua';
import {
  checkPipeline,
  createInputChecker,
  inputsInvalid,
  type PluginPlace,
  pipelineInvalid,
  readBundle,
} from '@rivet/pipeline';
import type { InputValues, PipelineBundle, PipelineDefinition } from '@rivet/protocol';
import { coreModules, globalAliases } from '../modules/registry.ts';

/** A pipeline that can be run. */
export interface TestedPipeline {
  readonly bundle: PipelineBundle;
  readonly definition: PipelineDefinition;
  /** Checks the inputs like a launch does. @throws RIVET_INPUT_INVALID, RIVET_INPUT_MISSING */
  inputs(values: unknown): Promise<InputValues>;
}

export interface TestedPipelines {
  /**
   * @param from the test file, which `path` is relative to
   * @throws RIVET_TEST_PATH, RIVET_PIPELINE_INVALID, and what reading it raises
   */
  get(path: string, from: string): Promise<TestedPipeline>;
  close(): Promise<void>;
}

/**
 * @param root no pipeline outside of this directory is read
 * @param pluginPlaces where the plugins of the pipelines are looked for; pipelines in the folder of
 *   a plugin find that one and those beside it first
 */
export function createTestedPipelines(
  lua: LuaEngine,
  root: string,
  pluginPlaces: readonly PluginPlace[] = [],
): TestedPipelines {
  const known = new Map<string, Promise<TestedPipeline>>();
  const closing: (() => Promise<void>)[] = [];

  const open = async (path: string): Promise<TestedPipeline> => {
    const bundle = await readBundle(path, [...(await placeAround(path, root)), ...pluginPlaces]);
    const options = { modules: coreModules(), globals: globalAliases };
    const checked = await checkPipeline(lua, bundle, options);
    if (!checked.ok) throw pipelineInvalid(checked.issues);
    const { definition } = checked;
    const checker = createInputChecker(lua, bundle, definition, options);
    closing.push(() => checker.close());
    return {
      bundle,
      definition,
      async inputs(values) {
        const check = await checker.check(values);
        if (!check.ok) throw inputsInvalid(check);
        return check.values;
      },
    };
  };
  return {
    async get(path, from) {
      const file = await insideOf(root, path, dirname(from));
      const before = known.get(file) ?? open(file);
      known.set(file, before);
      return await before;
    },
    async close() {
      await Promise.all(closing.map((close) => close()));
    },
  };
}

/** Where the plugin is whose tests a pipeline belongs to; none for other pipelines. */
async function placeAround(path: string, root: string): Promise<PluginPlace[]> {
  for (let folder = dirname(path); isBelow(folder, root); folder = dirname(folder)) {
    const isPlugin = await access(join(folder, 'plugin.lua')).then(
      () => true,
      () => false,
    );
    if (isPlugin) return [{ path: dirname(folder), origin: 'pipeline' }];
    if (folder === root) break;
  }
  return [];
}

function isBelow(path: string, root: string): boolean {
  const inside = relative(root, path);
  return inside !== '..' && !inside.startsWith(`..${sep}`);
}

async function insideOf(root: string, path: string, folder: string): Promise<string> {
  const refuse = (problem: string): RivetError =>
    RivetError.of('RIVET_TEST_PATH', { function: 'test.pipeline', path, problem });
  if (isAbsolute(path) || path.includes('\0')) throw refuse('is no relative path');
  const file = resolve(folder, path);
  const real = await realpath(file).catch(() => undefined);
  if (real === undefined) throw refuse(`does not exist beside the test file (${file})`);
  if (!isBelow(real, await realpath(root))) throw refuse(`leaves ${root}`);
  return file;
}
