// `rivet api-key create`: makes an API key for a program, and shows it once.
import { RivetError } from '@rivet/base';
import type { AccessPermission } from '@rivet/protocol';
import { defineCommand, flag, repeated, required, text } from '../../command.ts';
import { exitCodes } from '../../exit-codes.ts';
import { openClient, serverOptions } from '../../server.ts';

export const apiKeyCreate = defineCommand({
  details: [
    'The key acts in the name of its user, and never may more than that user; limit it to what the program needs. With',
    '--pipeline and without --permission it may what its user may on those pipelines, and nothing else. It is shown this',
    'once: put it where the program finds it as RIVET_TOKEN, beside RIVET_URL.',
  ].join('\n'),
  examples: [
    { command: 'rivet api-key create ci', what: 'All that you may, for 90 days' },
    {
      command:
        "rivet api-key create deploy --pipeline 'deploy-*' --permission pipelines.launch --permission pipelines.view --expires 30d",
      what: 'Only to launch these pipelines and to follow them',
    },
    {
      command: 'export RIVET_TOKEN=$(rivet api-key create ci --quiet)',
      what: 'The key alone on standard output',
    },
    {
      command: 'rivet api-key create bot --user deployer',
      what: "An administrator, for a program's user",
    },
  ],
  json: '`{id, name, user, prefix, permissions, pipelines, expired, created_at, expires_at, last_used_at, token}`',
  arguments: { name: required('What it is for') },
  options: {
    ...serverOptions,
    user: text('NAME', 'Whose key; your own when absent'),
    permission: repeated(
      'PERMISSION',
      'One thing that it may, such as pipelines.launch; all of its user when absent',
    ),
    pipeline: repeated('PATTERN', 'Only pipelines whose names fit; * stands for any text'),
    expires: text('DURATION', 'How long it is valid, such as 12h or 30d; 90 days when absent'),
    quiet: flag('Print the key alone'),
  },
  async run(context, { name }, options) {
    const { output, interrupt } = context;
    const { user, permission, pipeline, expires } = options;
    // The server knows the permissions; an unknown one is refused with the nearest.
    const body = {
      name,
      ...(user === undefined ? {} : { user }),
      ...(permission.length === 0 ? {} : { permissions: [...permission] as AccessPermission[] }),
      ...(pipeline.length === 0 ? {} : { pipelines: [...pipeline] }),
      ...(expires === undefined ? {} : { expires_in_seconds: secondsOf(expires) }),
    };
    const client = await openClient(context, options);
    const made = await client.createApiKey({ body, signal: interrupt.signal });
    if (options.json) output.json(made);
    else if (options.quiet) output.line(made.token);
    else {
      output.line(made.token);
      const until = made.expires_at === null ? 'without an end' : `until ${made.expires_at}`;
      output.note(
        `This is the API key ${made.name} of ${made.user}, valid ${until}. It is not shown again.`,
      );
    }
    return exitCodes.success;
  },
});

const UNIT_SECONDS = { m: 60, h: 3600, d: 86_400 } as const;

/** The server says which durations it takes. */
function secondsOf(text: string): number {
  const [, amount, unit] = /^(\d{1,6})([mhd])$/.exec(text) ?? [];
  if (amount !== undefined) return Number(amount) * UNIT_SECONDS[unit as keyof typeof UNIT_SECONDS];
  throw RivetError.of('RIVET_CONFIG_INVALID', {
    key: '--expires',
    found: JSON.stringify(text),
    expected: 'a duration such as 90m, 12h or 30d',
    hint: 'Correct the value of the option.',
  });
}
