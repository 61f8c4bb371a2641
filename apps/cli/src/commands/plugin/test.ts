// `rivet plugin test`: checks a plugin, holds its stubs against it, and runs its tests.
import { readFile, realpath, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { RivetError } from '@rivet/base';
import {
  type FoundPlugin,
  findPlugins,
  isPluginName,
  PLUGIN_NAME_EXPECTED,
  type PluginManifest,
  renderIssues,
} from '@rivet/pipeline';
import { type CommandContext, defineCommand, optional, text } from '../../command.ts';
import { loadConfig } from '../../config.ts';
import { createEngineSession } from '../../engine-session.ts';
import { exitCodes } from '../../exit-codes.ts';
import { findTestFiles } from '../../find-test-files.ts';
import { ownPlace } from '../../read-pipeline-file.ts';
import { createTextReporter } from '../../test-report/text-reporter.ts';
import { runTests } from '../../test-run.ts';

const CASE_TIMEOUT_MS = 60_000;

export const pluginTest = defineCommand({
  details: [
    'Loads the plugin and reports what is wrong with plugin.lua, with functions that are not in its stubs, and the',
    'other way round; then runs its tests (tests/*.lua), in which no command is started: see rivet help test.',
    'Without DIR it is the plugin in the current directory, or every plugin in plugins/.',
  ].join('\n'),
  examples: [
    { command: 'rivet plugin test', what: 'The plugins of this project' },
    { command: 'rivet plugin test plugins/greet --filter polite', what: 'Some cases of one' },
  ],
  arguments: { dir: optional('The folder of a plugin') },
  options: { filter: text('TEXT', 'Only the cases whose name has this text') },
  async run(context, { dir }, { filter }) {
    const { pluginPlaces, defaultImage } = await loadConfig(context.env);
    const plugins = await chosenPlugins(dir, context.cwd);
    let exitCode: number = exitCodes.success;
    for (const plugin of plugins) {
      if (!(await checkPlugin(plugin, context))) {
        exitCode = exitCodes.usage;
        continue;
      }
      const tested = await runTests(
        {
          files: await testFilesOf(plugin),
          root: plugin.folder,
          pluginPlaces,
          defaultImage,
          filter,
          caseTimeoutMs: CASE_TIMEOUT_MS,
          reporters: [createTextReporter(context.output)],
        },
        context,
      );
      if (tested !== exitCodes.success) exitCode = tested;
    }
    return exitCode;
  },
});

async function chosenPlugins(dir: string | undefined, cwd: string): Promise<FoundPlugin[]> {
  const folder = resolve(cwd, dir ?? '.');
  const main = await stat(join(folder, 'plugin.lua')).catch(() => undefined);
  if (main !== undefined) {
    const name = basename(await realpath(folder));
    if (!isPluginName(name)) {
      const expected = PLUGIN_NAME_EXPECTED;
      throw RivetError.of('RIVET_PLUGIN_NAME', { name: JSON.stringify(name), expected });
    }
    return [{ name, folder: await realpath(folder), origin: 'pipeline', hides: [] }];
  }
  const plugins = dir === undefined ? await findPlugins([ownPlace(cwd)]) : [];
  if (plugins.length > 0) return plugins;
  const problem =
    dir === undefined
      ? 'it has neither a plugin.lua nor plugins in plugins/'
      : 'it has no plugin.lua';
  throw RivetError.of('RIVET_PLUGIN_NONE', { folder, problem });
}

async function testFilesOf({ name, folder }: FoundPlugin): Promise<string[]> {
  const directory = join(folder, 'tests');
  const none = RivetError.of('RIVET_PLUGIN_NO_TESTS', { name, folder: directory });
  try {
    return await findTestFiles([directory], folder);
  } catch (error) {
    throw error instanceof RivetError ? none : error;
  }
}

/** Whether the plugin can be used; says why not. */
async function checkPlugin(plugin: FoundPlugin, context: CommandContext): Promise<boolean> {
  const { output } = context;
  const session = createEngineSession(context);
  const described = await session.describe(plugin).finally(session.close);
  const { red, bold, dim } = output.style;
  if (!described.ok) {
    output.line(renderIssues(described.issues, { error: red, dim, bold }));
    output.line(red(`the plugin ${plugin.name} is not valid`));
    return false;
  }
  const problems = await stubProblems(plugin, described.manifest);
  for (const problem of problems) output.line(`${red('error')}: ${problem}`);
  return problems.length === 0;
}

async function stubProblems({ name, folder }: FoundPlugin, { functions }: PluginManifest) {
  const path = `stubs/${name}.lua`;
  const stub = await readFile(join(folder, path), 'utf8').catch(() => undefined);
  if (stub === undefined) return [`the plugin has no ${path}, from which editors know it`];
  const pattern = new RegExp(`^function ${name.replaceAll('-', '_')}\\.(\\w+)\\(`, 'gm');
  const described = [...stub.matchAll(pattern)].map((match) => match[1] ?? '');
  return [
    ...functions
      .filter((fn) => !described.includes(fn))
      .map((fn) => `the function ${fn} is not in ${path}; expected: function ${name}.${fn}(…) end`),
    ...described
      .filter((fn) => !functions.includes(fn))
      .map((fn) => `${path} describes the function ${fn}, which the plugin does not have`),
  ];
}
