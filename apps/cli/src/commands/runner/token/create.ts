// `rivet runner token create`: makes a token that runners register with, and shows it once.
import { RivetError } from '@rivet/base';
import type { RunnerTag } from '@rivet/protocol';
import { defineCommand, flag, integer, repeated, text } from '../../../command.ts';
import { parseDurationOption } from '../../../duration-option.ts';
import { exitCodes } from '../../../exit-codes.ts';
import { openClient, serverOptions } from '../../../server.ts';

export const runnerTokenCreate = defineCommand({
  details: [
    'A runner needs it at its first start only; then it has a token of its own in its state directory. What a runner may',
    'be is decided here, not on its machine: the tags that it has whatever it says (--tag), the keys of those that it may',
    'say (--choose), and the pipelines that it may run (--pipeline).',
  ].join('\n'),
  examples: [
    { command: 'rivet runner token create', what: 'For one runner, within an hour' },
    {
      command:
        "rivet runner token create --tag env=prod --pipeline 'deploy-*' --description 'rack 4'",
      what: 'For one that has the tag env=prod and runs nothing but deployments',
    },
    {
      command: 'rivet runner token create --uses 20 --expires 8h --quiet > token',
      what: 'For twenty, the token alone into a file for --token-file',
    },
  ],
  json: '`{id, prefix, description, uses_max, uses, tags, tag_keys, pipelines, created_by, created_at, expires_at, token}`',
  options: {
    ...serverOptions,
    description: text('TEXT', 'What it is for'),
    uses: integer('N', 'How many runners may register with it; 1 when absent', 1, 1000),
    expires: text('DURATION', 'How long it is valid, at most 7d; 1h when absent'),
    tag: repeated('KEY=VALUE', 'A tag that every runner registered with it has'),
    choose: repeated(
      'KEY',
      'Key of a tag that the runner may say about itself, * for any; os and arch when absent',
    ),
    pipeline: repeated(
      'PATTERN',
      'Pipelines that the runner may run; * stands for any text; all when absent',
    ),
    quiet: flag('Print the token alone'),
  },
  async run(context, _args, options) {
    const { output, interrupt } = context;
    const { description, uses, expires, tag, choose, pipeline } = options;
    const body = {
      ...(description === undefined ? {} : { description }),
      ...(uses === undefined ? {} : { uses_max: uses }),
      ...(expires === undefined
        ? {}
        : {
            expires_in_seconds: parseDurationOption(
              '--expires',
              expires,
              'such as 30m or 8h, at most 7d',
            ),
          }),
      tags: tag.map(tagOf),
      ...(choose.length === 0 ? {} : { tag_keys: [...choose] }),
      ...(pipeline.length === 0 ? {} : { pipelines: [...pipeline] }),
    };
    const client = await openClient(context, options);
    const made = await client.createRegistrationToken({ body, signal: interrupt.signal });
    if (options.json) {
      output.json(made);
      return exitCodes.success;
    }
    output.line(made.token);
    if (!options.quiet) {
      const runners = made.uses_max === 1 ? 'one runner' : `${made.uses_max} runners`;
      output.note(`For ${runners}, until ${made.expires_at}. It is not shown again.`);
      output.note('On the machine of the runner, with the token in the file "token":');
      output.note('  rivet runner start --url ADDRESS --token-file token');
    }
    return exitCodes.success;
  },
});

function tagOf(text: string): RunnerTag {
  const [, key, value] = /^([^=,\s]+)=([^=,]+)$/.exec(text) ?? [];
  if (key !== undefined && value !== undefined) return { key, value };
  throw invalid('--tag', text, 'a key and a value such as env=prod');
}

function invalid(key: string, found: string, expected: string): RivetError {
  const hint = 'Correct the value of the option.';
  return RivetError.of('RIVET_CONFIG_INVALID', {
    key,
    found: JSON.stringify(found),
    expected,
    hint,
  });
}
