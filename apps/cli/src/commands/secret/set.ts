// `rivet secret set`: gives a secret its value, or says which provider has it.
import { RivetError } from '@rivet/base';
import type { PutSecretRequest } from '@rivet/protocol';
import {
  type CommandContext,
  choice,
  defineCommand,
  optional,
  required,
  text,
} from '../../command.ts';
import { exitCodes } from '../../exit-codes.ts';
import { scopeQuery, secretPipelineOption, secretPlace, secretTitle } from '../../secret-text.ts';
import { readSecretValue } from '../../secret-value.ts';
import { openClient, serverOptions } from '../../server.ts';

export const secretSet = defineCommand({
  details: [
    'The value is asked for without being shown; in a script it comes from standard input, a file or a variable, never',
    'from the command line. Nobody is shown it again, and a new value makes a new version. A secret of the installation',
    'goes to no pipeline before it is granted; one with --pipeline goes to that pipeline.',
  ].join('\n'),
  examples: [
    { command: 'rivet secret set NPM_TOKEN', what: 'Asks for the value' },
    { command: 'pass show npm | rivet secret set NPM_TOKEN', what: 'From standard input' },
    {
      command: 'rivet secret set DEPLOY_KEY --pipeline release --file ~/.ssh/deploy',
      what: 'For one pipeline, from a file',
    },
    { command: 'rivet secret set NPM_TOKEN --env NPM_TOKEN', what: 'From a variable' },
    {
      command: 'rivet secret set NPM_TOKEN --provider vault --reference secret/ci/npm#token',
      what: 'An administrator: the value stays in Vault, and is read when a job asks',
    },
  ],
  json: '`{name, pipeline, provider, reference, version, created_by, created_at, updated_by, updated_at, used_at, grants: [{pipelines, events, created_by, created_at}]}`',
  arguments: {
    name: required('Name of the secret, as variables are named'),
    value: optional('Not possible: command lines are seen by others'),
  },
  options: {
    ...serverOptions,
    ...secretPipelineOption,
    file: text('FILE', 'Take the value from a file; - is standard input'),
    env: text('VARIABLE', 'Take the value from an environment variable'),
    provider: choice('PROVIDER', 'Which provider has the value', ['environment', 'file', 'vault']),
    reference: text('REFERENCE', 'What the provider knows it by'),
  },
  async run(context, { name, value }, options) {
    const { output, interrupt } = context;
    refuseValue(name, value);
    const body = await readBody(name, options, context);
    const client = await openClient(context, options);
    const secret = await client.putSecret({
      name,
      query: scopeQuery(options.pipeline),
      body,
      signal: interrupt.signal,
    });
    if (options.json) {
      output.json(secret);
      return exitCodes.success;
    }
    output.line(`Set ${secretTitle(secret)}: ${secretPlace(secret)}`);
    if (secret.grants.length === 0) {
      output.note(`No pipeline has it yet. Let one have it: rivet secret grant ${name} PIPELINE`);
    }
    return exitCodes.success;
  },
});

function refuseValue(name: string, value: string | undefined): void {
  const assigned = name.includes('=');
  if (value === undefined && !assigned) return;
  const shown = assigned ? name.slice(0, name.indexOf('=')) : name;
  throw RivetError.of('RIVET_USAGE', {
    // The value is not shown: it is a secret.
    problem: `the value of ${shown} is on the command line, which others on this machine see and the shell keeps`,
    hint: `Leave it away to be asked for it, or pipe it: … | rivet secret set ${shown}. Change the value that was typed here.`,
  });
}

async function readBody(
  name: string,
  options: {
    readonly provider: 'environment' | 'file' | 'vault' | undefined;
    readonly reference: string | undefined;
    readonly file: string | undefined;
    readonly env: string | undefined;
  },
  context: CommandContext,
): Promise<PutSecretRequest> {
  const { provider, reference, file, env } = options;
  if (provider === undefined && reference === undefined) {
    return { value: (await readSecretValue(name, { file, env }, context)).reveal() };
  }
  if (provider === undefined || reference === undefined) {
    throw RivetError.of('RIVET_USAGE', {
      problem: '--provider and --reference belong together',
      hint: 'Give both, for example: --provider vault --reference secret/ci/npm#token',
    });
  }
  if (file === undefined && env === undefined) return { provider, reference };
  throw RivetError.of('RIVET_USAGE', {
    problem: 'the provider has the value; --file and --env give another one',
    hint: 'Leave away either --provider and --reference, or --file and --env.',
  });
}
