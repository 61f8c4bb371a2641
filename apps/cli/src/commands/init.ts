// `rivet init`: a first pipeline, and what an editor needs to know about the API.
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { RivetError } from '@rivet/base';
import { defineCommand, flag, optional } from '../command.ts';
import { exitCodes } from '../exit-codes.ts';
import { pluginsDirectory, stubsDirectory } from '../installation.ts';

const STUBS = join('.rivet', 'stubs');

const PIPELINE = `-- A pipeline is a Lua script: it really runs, and every command it starts runs in a container.
-- Check it with \`rivet check pipeline.lua\`, run it here with \`rivet run pipeline.lua\`.
return pipeline.define({
  name = "hello",
  description = "My first pipeline",
  inputs = {
    name = { type = "string", default = "world", description = "whom to greet" },
  },
  stages = {
    {
      name = "greet",
      script = function()
        -- A command and its arguments; no shell in between. \`check\` makes a non-zero exit code an error.
        process.run({ "echo", "Hello, " .. input.get("name") .. "!", check = true })
      end,
    },
    {
      name = "look",
      script = function()
        -- The workspace starts as a copy of your directory; stages share it.
        local result = process.sh("ls | wc -l", { capture_stdout = true })
        log.info("entries in the workspace: " .. result.stdout)
        output.set("entries", tonumber(result.stdout))
      end,
    },
  },
})
`;

const TESTS = `-- What the pipeline does, without running it: \`rivet test\`. Mocks answer its commands.
local p = test.pipeline("pipeline.lua")

test.case("greets by name, and counts what is in the workspace", function()
  mock.process("echo")
  mock.process("ls", { stdout = "3\\n" })
  local run = p:run({ inputs = { name = "Ada" } })
  expect(run):was("succeeded")
  expect(run.stages.greet.commands):equals({ "echo 'Hello, Ada!'" })
  expect(run.outputs.entries):equals(3)
end)

test.case("a failing command ends the job", function()
  mock.process("echo", { exit_code = 1 })
  local run = p:run()
  expect(run):was("failed")
  expect(run.stages.look):was("skipped")
end)
`;

const LUARC = `${JSON.stringify(
  {
    $schema: 'https://raw.githubusercontent.com/LuaLS/vscode-lua/master/setting/schema.json',
    'runtime.version': 'Lua 5.3',
    'workspace.library': [STUBS],
    'workspace.checkThirdParty': false,
  },
  undefined,
  2,
)}
`;

export const init = defineCommand({
  details: [
    `Writes pipeline.lua, its tests, .luarc.json and ${STUBS}/*.lua. A file that exists is never overwritten without --force.`,
    'An existing pipeline.lua stays as it is with --stubs, which writes only what the editor needs.',
  ].join('\n'),
  examples: [
    { command: 'rivet init', what: 'In this directory' },
    { command: 'rivet init my-project', what: 'In another one; it is made when it is not there' },
    { command: 'rivet init --stubs --force', what: 'Renew the stubs after an update of Rivet' },
  ],
  json: '`{directory, written: [path]}`, paths relative to `directory`',
  arguments: { dir: optional('The directory; the current one when absent') },
  options: {
    force: flag('Overwrite files that exist'),
    stubs: flag('Only .luarc.json and the stubs'),
    json: flag('Print JSON'),
  },
  async run(context, { dir }, options) {
    const { output } = context;
    const directory = resolve(context.cwd, dir ?? '.');
    const files = new Map<string, string>([['.luarc.json', LUARC], ...(await readStubs())]);
    if (!options.stubs) {
      files.set('pipeline.lua', PIPELINE);
      files.set('pipeline_test.lua', TESTS);
    }
    await refuseExisting(directory, files, options.force);
    for (const [path, content] of files) {
      await mkdir(dirname(join(directory, path)), { recursive: true });
      await writeFile(join(directory, path), content, { flag: options.force ? 'w' : 'wx' });
    }
    if (options.json) {
      output.json({ directory, written: [...files.keys()].sort() });
      return exitCodes.success;
    }
    const place = dir ?? '';
    const stubCount = [...files.keys()].filter((path) => path.startsWith(STUBS)).length;
    if (!options.stubs) {
      output.line(`wrote ${join(place, 'pipeline.lua')}`);
      output.line(`wrote ${join(place, 'pipeline_test.lua')}`);
    }
    output.line(`wrote ${join(place, '.luarc.json')}`);
    output.line(`wrote ${join(place, STUBS)} (${stubCount} files)`);
    if (options.stubs) return exitCodes.success;
    const { cyan } = output.noteStyle;
    output.note(`\nNext:`);
    if (directory !== context.cwd) output.note(`  ${cyan(`cd ${place}`)}`);
    output.note(`  ${cyan('rivet check pipeline.lua')}   every mistake at once`);
    output.note(`  ${cyan('rivet test')}                 what it does, in no time`);
    output.note(`  ${cyan('rivet run pipeline.lua')}     run it here, in containers`);
    return exitCodes.success;
  },
});

async function readStubs(): Promise<[path: string, content: string][]> {
  const path = stubsDirectory();
  const names = await readdir(path).catch(() => []);
  const stubs = names.filter((name) => name.endsWith('.lua')).sort();
  if (stubs.length === 0) throw RivetError.of('RIVET_CLI_STUBS_MISSING', { path });
  const plugins = await readdir(pluginsDirectory()).catch(() => []);
  const files = [
    ...stubs.map((name) => join(path, name)),
    ...plugins.sort().map((name) => join(pluginsDirectory(), name, 'stubs', `${name}.lua`)),
  ];
  return await Promise.all(
    files.map(
      async (file): Promise<[string, string]> => [
        join(STUBS, basename(file)),
        await readFile(file, 'utf8'),
      ],
    ),
  );
}

/** All at once, before anything is written. Files with the same content are no conflict. */
async function refuseExisting(
  directory: string,
  files: Map<string, string>,
  force: boolean,
): Promise<void> {
  if (force) return;
  const existing: string[] = [];
  for (const [path, content] of files) {
    const target = join(directory, path);
    if (!existsSync(target)) continue;
    const same = (await readFile(target, 'utf8').catch(() => undefined)) === content;
    if (same) files.delete(path);
    else existing.push(path);
  }
  if (existing.length > 0) {
    throw RivetError.of('RIVET_CLI_FILE_EXISTS', { files: existing.join(', ') });
  }
}
