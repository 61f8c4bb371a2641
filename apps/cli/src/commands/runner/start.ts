// `rivet runner start`: starts a runner in the foreground.
import { resolve } from 'node:path';
import { choice, defineCommand, integer, repeated, text } from '../../command.ts';
import { loadConfig, parseServerUrl } from '../../config.ts';
import { startProgram } from '../../start-program.ts';

export const runnerStart = defineCommand({
  details: [
    'At its first start a runner needs a registration token (`rivet runner token create`). It then has a token of its own',
    'in its state directory, and the registration token can be thrown away.',
    'The first signal (Ctrl-C, TERM) lets the running jobs finish and takes no new ones; a second one cancels them.',
    'With --on-term=handover TERM ends the runner at once, and the next start on its state directory goes on with the jobs.',
    'docs/operating/runners.md has more, docs/operating.md the environment variables that set the rest.',
  ].join('\n'),
  examples: [
    {
      command: 'rivet runner start --url https://rivet.example.com --token-file token',
      what: 'The first time, with a registration token',
    },
    { command: 'rivet runner start', what: 'From then on, for the server at RIVET_URL' },
    {
      command: 'rivet runner start --name builder-1 --tag gpu=yes --capacity 4',
      what: 'With a name, a tag that pipelines can ask for, and four jobs at a time',
    },
  ],
  options: {
    url: text('URL', 'The server; RIVET_URL or http://127.0.0.1:7450 when absent'),
    name: text('NAME', "Unique in the installation; the host's name when absent"),
    tokenFile: text('FILE', 'Registration token, for the first start; RIVET_RUNNER_TOKEN_FILE'),
    token: text('TOKEN', 'The same as text; RIVET_RUNNER_TOKEN (arguments show in process lists)'),
    caFile: text('FILE', 'The authority that must have signed the certificate; RIVET_CA_FILE'),
    tag: repeated(
      'KEY=VALUE',
      'What pipelines may ask for, as far as its registration lets the runner say it',
    ),
    capacity: integer('N', 'Jobs at the same time; the number of processors when absent', 1, 1000),
    image: text('IMAGE', 'Default image; RIVET_DEFAULT_IMAGE when absent'),
    onTerm: choice(
      'WHAT',
      'At TERM: let jobs end, or leave them to the next start here; RIVET_ON_TERM',
      ['drain', 'handover'],
    ),
    stateDir: text('DIR', 'Journals, spools and workspaces; one runner a directory'),
  },
  async run(context, _args, options) {
    const { cwd } = context;
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
        ...(options.onTerm === undefined ? {} : { RIVET_ON_TERM: options.onTerm }),
        ...(options.stateDir === undefined
          ? {}
          : { RIVET_STATE_DIRECTORY: resolve(cwd, options.stateDir) }),
        ...(options.tokenFile === undefined
          ? {}
          : { RIVET_RUNNER_TOKEN_FILE: resolve(cwd, options.tokenFile) }),
        ...(options.token === undefined ? {} : { RIVET_RUNNER_TOKEN: options.token }),
        ...(options.caFile === undefined ? {} : { RIVET_CA_FILE: resolve(cwd, options.caFile) }),
        // What a person may is not for the runner.
        RIVET_TOKEN: undefined,
      },
      context,
    );
  },
});
