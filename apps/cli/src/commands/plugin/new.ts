// `rivet plugin new`: a first plugin with its stubs, its tests and its page.
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { RivetError } from '@rivet/base';
import { coreModules } from '@rivet/engine';
import { isPluginName, PLUGIN_NAME_EXPECTED } from '@rivet/pipeline';
import { defineCommand, required, text } from '../../command.ts';
import { exitCodes } from '../../exit-codes.ts';
import { pluginScaffold } from '../../plugin-scaffold.ts';

export const pluginNew = defineCommand({
  details:
    'Writes plugins/NAME/ with plugin.lua, stubs for editors, a test that passes and a README. Nothing is overwritten.',
  examples: [
    { command: 'rivet plugin new greet', what: 'In plugins/ of this project' },
    {
      command: 'rivet plugin new greet --dir ~/.config/rivet/plugins',
      what: 'For all pipelines of this user',
    },
  ],
  arguments: { name: required('The name that require gets') },
  options: { dir: text('DIR', 'Directory of plugins; plugins when absent') },
  async run({ cwd, output }, { name }, { dir }) {
    const taken = ['pipeline', ...coreModules().map((module) => module.name)];
    if (!isPluginName(name) || taken.includes(name)) {
      const expected = isPluginName(name) ? 'another than a core module’s' : PLUGIN_NAME_EXPECTED;
      throw RivetError.of('RIVET_PLUGIN_NAME', { name: JSON.stringify(name), expected });
    }
    const folder = join(resolve(cwd, dir ?? 'plugins'), name);
    if (existsSync(folder)) throw RivetError.of('RIVET_PLUGIN_EXISTS', { folder });
    for (const [path, content] of Object.entries(pluginScaffold(name))) {
      const file = join(folder, path);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, content, { flag: 'wx' });
      output.line(`wrote ${relative(cwd, file)}`);
    }
    output.note(`Try it with: rivet plugin test ${relative(cwd, folder) || '.'}`);
    return exitCodes.success;
  },
});
