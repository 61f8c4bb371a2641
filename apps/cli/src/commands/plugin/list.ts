// `rivet plugin list`: the plugins that pipelines here can use, and where each is from.
import { type DescribedPlugin, type FoundPlugin, findPlugins } from '@rivet/pipeline';
import { defineCommand, flag } from '../../command.ts';
import { loadConfig } from '../../config.ts';
import { createEngineSession } from '../../engine-session.ts';
import { exitCodes } from '../../exit-codes.ts';
import type { Output } from '../../output.ts';
import { ownPlace } from '../../read-pipeline-file.ts';

export const pluginList = defineCommand({
  details: [
    'Plugins are looked for in plugins/ of the current directory, in the directories of RIVET_PLUGINS_PATH, in',
    '~/.config/rivet/plugins and among those that come with Rivet; the first of a name hides the others.',
    'Exit code 2 when one is not valid.',
  ].join('\n'),
  examples: [
    { command: 'rivet plugin list', what: 'Name, version, functions, where from, what it needs' },
    { command: 'rivet plugin list --json', what: 'For scripts' },
  ],
  json: '`[{name, folder, origin: "pipeline"|"path"|"user"|"installation", hides, version?, description?, needs?, functions?, digest?, issues: […]}]`',
  arguments: {},
  options: { json: flag('Print JSON') },
  async run(context, _arguments, options) {
    const { output, cwd } = context;
    const { pluginPlaces } = await loadConfig(context.env);
    const plugins = await findPlugins([ownPlace(cwd), ...pluginPlaces]);
    const session = createEngineSession(context);
    const all: { plugin: FoundPlugin; described: DescribedPlugin }[] = [];
    try {
      for (const plugin of plugins) {
        all.push({ plugin, described: await session.describe(plugin) });
      }
    } finally {
      await session.close();
    }
    if (options.json) output.json(all.map(asJson));
    else if (all.length === 0) output.line('There are no plugins.');
    else for (const { plugin, described } of all) print(plugin, described, output);
    return all.every(({ described }) => described.ok) ? exitCodes.success : exitCodes.usage;
  },
});

function asJson({ plugin, described }: { plugin: FoundPlugin; described: DescribedPlugin }) {
  if (!described.ok) return { ...plugin, issues: described.issues };
  return { ...plugin, ...described.manifest, digest: described.digest, issues: [] };
}

const ORIGINS = {
  pipeline: 'of this project',
  path: 'from RIVET_PLUGINS_PATH',
  user: 'of this user',
  installation: 'comes with Rivet',
} as const;

function print(plugin: FoundPlugin, described: DescribedPlugin, output: Output): void {
  const { bold, dim, red, yellow } = output.style;
  const { name, folder, origin, hides } = plugin;
  if (described.ok) {
    const { version, description, functions, needs } = described.manifest;
    output.line(`${bold(name)} ${version}  ${description}`);
    output.line(`  functions  ${functions.join(', ')}`);
    const needed = Object.entries(needs).filter(([, names]) => names.length > 0);
    for (const [what, names] of needed) output.line(`  ${what.padEnd(9)}  ${names.join(', ')}`);
  } else {
    const [first] = described.issues;
    const at = first?.path === undefined || first.path === '' ? '' : `${first.path}: `;
    output.line(
      `${bold(name)} ${red('is not valid')}: ${at}${first?.message ?? 'it says nothing'}`,
    );
    output.line(`  ${dim(`rivet plugin test ${folder} shows every mistake`)}`);
  }
  output.line(`  ${dim(`${folder} (${ORIGINS[origin]})`)}`);
  for (const other of hides) output.line(`  ${yellow('hides')} ${other}`);
}
