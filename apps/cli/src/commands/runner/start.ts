// `rivet runner start`: starts a runner in the foreground.
import { defineCommand, integer, repeated, text } from '../../command.ts';
import { loadConfig, parseServerUrl } from '../../config.ts';
import { startProgram } from '../../start-program.ts';

export const runnerStart = defineCommand({
  details: [
    'The first signal (Ctrl-C, TERM) lets the running jobs finish and takes no new ones; a second one cancels them.',
    'docs/operating.md lists the environment variables that set the rest.',
  ].join('\n'),
  examples: [
    { command: 'rivet runner start', what: 'For the server at RIVET_URL' },
    {
      command: 'rivet runner start --name builder-1 --tag gpu=yes --capacity 4',
      what: 'With a name, a tag that pipelines can ask for, and four jobs at a time',
    },
  ],
  options: {
    url: text('URL', 'The server; RIVET_URL or http://127.0.0.1:7450 when absent'),
    name: text('NAME', "Unique in the installation; the host's name when absent"),
    tag: repeated('KEY=VALUE', 'What pipelines may ask for; os and arch are always there'),
    capacity: integer('N', 'Jobs at the same time; the number of processors when absent', 1, 1000),
    image: text('IMAGE', 'Default image; RIVET_DEFAULT_IMAGE when absent'),
    stateDir: text('DIR', 'Journals, spools and workspaces; one runner a directory'),
  },
  async run(context, _args, options) {
    const config = await loadConfig(context.env);
    return await startProgram(
      'runner',
      {
        RIVET_URL: options.url === undefined ? config.url : parseServerUrl(options.url),
        RIVET_DEFAULT_IMAGE: options.image ?? config.defaultImage,
        ...(config.policyFile === undefined ? {} : { RIVET_POLICY_FILE: config.policyFile }),
        ...(options.name === undefined ? {} : { RIVET_RUNNER_NAME: options.name }),
        ...(options.tag.length === 0 ? {} : { RIVET_RUNNER_TAGS: options.tag.join(',') }),
        ...(options.capacity === undefined
          ? {}
          : { RIVET_RUNNER_CAPACITY: String(options.capacity) }),
        ...(options.stateDir === undefined ? {} : { RIVET_STATE_DIRECTORY: options.stateDir }),
      },
      context,
    );
  },
});
