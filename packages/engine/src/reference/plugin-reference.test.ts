// Holds the stubs of the shipped plugins against the plugins themselves and against their page.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createLuaEngine } from '@rivet/lua';
import { evaluatePipeline, readBundle } from '@rivet/pipeline';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { coreModules, globalAliases } from '../modules/registry.ts';
import { readPluginStubs, renderPluginReference } from './plugin-reference.ts';

const root = resolve(import.meta.dirname, '../../../..');
const plugins = join(root, 'plugins');
const stubs = readPluginStubs(plugins);
const lua = createLuaEngine();
let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rivet-stubs-'));
});
afterAll(async () => {
  await lua.close();
  await rm(directory, { recursive: true, force: true });
});

/** For each function of a plugin the options that it takes, as it names them itself. */
async function optionsOf(plugin: string): Promise<Record<string, string[]>> {
  const main = join(directory, `${plugin}.lua`);
  // An option that is like no other makes a function say all that it takes.
  await writeFile(
    main,
    `local plugin = require("${plugin}")
     return pipeline.define({ name = "a", plugins = { "${plugin}" }, stages = { { name = "s", script = function()
       local said = {}
       for name, fn in pairs(plugin) do
         local _, problem = pcall(fn, { qqqqqqqqqqqqqqqqqqqq = 1 })
         said[name] = tostring(problem)
       end
       return said
     end } } })`,
  );
  const bundle = await readBundle(main, [{ path: plugins, origin: 'installation' }]);
  const options = { modules: coreModules(), globals: globalAliases };
  const evaluated = await evaluatePipeline(lua, bundle, options);
  if (!evaluated.ok) throw new Error(JSON.stringify(evaluated.issues));
  const { vm, functions } = evaluated;
  try {
    const [said] = await vm.call(functions.stages.get('s')!.script, [], { branch: 's' });
    return Object.fromEntries(
      Object.entries(said as Record<string, string>).map(([name, text]) => [
        name,
        /expected one of (.*)$/.exec(text)?.[1]?.split(', ') ?? [text],
      ]),
    );
  } finally {
    await vm.close();
  }
}

it.each(stubs.map((stub) => [stub.module, stub] as const))(
  'the stub of %s has exactly its functions and their options',
  async (name, stub) => {
    const described = stub.functions.map((fn) => {
      const type = fn.parameters.find((parameter) => parameter.name === 'options')?.type;
      const [first] = type?.split('|') ?? [];
      const table = stub.classes.find((each) => each.name === first);
      const fields = table?.fields.map((field) => field.name).sort() ?? [];
      return [fn.name.slice(name.length + 1), fields];
    });
    expect(Object.fromEntries(described)).toEqual(await optionsOf(name));
  },
);

it('the page of the plugins is made from their stubs (mend with: npm run docs)', async () => {
  const page = await readFile(join(root, 'docs/reference/plugins.md'), 'utf8');
  expect(page).toBe(renderPluginReference(plugins));
});
