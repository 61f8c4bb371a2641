// `rivet grant add`: gives a user or a team permissions on pipelines or secrets.
import { RivetError } from '@rivet/base';
import type { CreateGrantRequest, ObjectKind } from '@rivet/protocol';
import { defineCommand, many, text } from '../../command.ts';
import { exitCodes } from '../../exit-codes.ts';
import { describeGrant, parsePermissions, permissionWords } from '../../grant-text.ts';
import { openClient, serverOptions } from '../../server.ts';

export const grantAdd = defineCommand({
  details: [
    `On pipelines there are ${permissionWords('pipeline').join(', ')}; on secrets ${permissionWords('secret').join(', ')}; \`all\` is each of them.`,
    'In a pattern `*` stands for any text, and names that do not exist yet fit as well. Nobody gets more by a grant',
    'than their role allows. The same grant again changes nothing.',
  ].join('\n'),
  examples: [
    {
      command: "rivet grant add view,launch --user ada --pipeline 'deploy-*'",
      what: 'Ada sees and launches pipelines whose names begin with deploy-',
    },
    {
      command: "rivet grant add all --team web --pipeline 'web-*'",
      what: 'The team may everything with its pipelines, also make new ones',
    },
    {
      command: "rivet grant add view --team everyone --pipeline '*'",
      what: 'Everybody sees all pipelines',
    },
    {
      command: "rivet grant add use --team web --secret 'web/*'",
      what: 'Pipelines of the team may have these secrets',
    },
  ],
  json: '`{id, user, team, kind, pattern, permissions, created_by, created_at}`',
  arguments: { permission: many('What is allowed: words with commas or spaces between them') },
  options: {
    ...serverOptions,
    user: text('NAME', 'Who gets it'),
    team: text('NAME', 'The team that gets it; `everyone` is everybody'),
    pipeline: text('PATTERN', 'On pipelines whose names fit'),
    secret: text('PATTERN', 'On secrets whose names fit'),
  },
  async run(context, { permission: words }, options) {
    const { user, team, pipeline, secret } = options;
    const [kind, pattern] = oneOf({ pipeline, secret });
    const [subject, name] = oneOf({ user, team });
    const permissions = parsePermissions(kind as ObjectKind, words);
    const body = { [subject]: name, kind, pattern, permissions } as CreateGrantRequest;
    const client = await openClient(context, options);
    const grant = await client.createGrant({ body, signal: context.interrupt.signal });
    if (options.json) context.output.json(grant);
    else context.output.line(`${subject} ${name} may, on ${describeGrant(grant)}`);
    return exitCodes.success;
  },
});

/** The one option of two that was given. */
function oneOf(options: Readonly<Record<string, string | undefined>>): [string, string] {
  const given = Object.entries(options).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  const [first, second] = given;
  if (first !== undefined && second === undefined) return first;
  const names = Object.keys(options).map((option) => `--${option}`);
  throw RivetError.of('RIVET_USAGE', {
    problem: `${names.join(' and ')} ${first === undefined ? 'are both missing' : 'exclude each other'}`,
    hint: `Give one of them: rivet grant add view --user ada --pipeline 'deploy-*'`,
  });
}
