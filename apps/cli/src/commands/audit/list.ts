// `rivet audit list`: who did what to what, newest first.
import type { AuditEntry } from '@rivet/protocol';
import { defineCommand, integer, text } from '../../command.ts';
import { exitCodes } from '../../exit-codes.ts';
import { table } from '../../output.ts';
import { readPages } from '../../pages.ts';
import { openClient, serverOptions } from '../../server.ts';

export const auditList = defineCommand({
  details:
    'Names and ids are those of the time when it happened. What each action means is in docs/operating/audit.md.',
  examples: [
    { command: 'rivet audit list', what: 'What happened last' },
    {
      command: 'rivet audit list --actor ada --since 7d',
      what: 'What somebody did in the last week',
    },
    {
      command: 'rivet audit list --action "secret.*" --object NPM_TOKEN --json',
      what: 'For scripts: all that happened to a secret',
    },
  ],
  json: '`{items: [{id, position, at, actor: {kind, id, name, via, via_id}, action, object: {kind, id, name}, address, request_id, details}], next_cursor}`',
  options: {
    ...serverOptions,
    actor: text('NAME', 'Only what this user or runner did, by name or id'),
    action: text('ACTION', 'Only this action; * stands for any text, as in "pipeline.*"'),
    object: text('NAME', 'Only what was done to this, by name or id'),
    since: text('TIME', 'Only from this time on: 2026-03-01T12:00Z, or 7d, 12h, 30m ago'),
    until: text('TIME', 'Only before this time'),
    limit: integer('N', 'At most so many; 50 when absent', 1, 100_000),
    cursor: text('CURSOR', 'Go on after the page whose next_cursor this is'),
  },
  async run(context, _args, options) {
    const { output, interrupt } = context;
    const { json, limit, cursor, actor, action, object, since, until } = options;
    const client = await openClient(context, options);
    const asked = Object.fromEntries(
      Object.entries({ actor, action, object, since, until }).filter(
        ([, value]) => value !== undefined,
      ),
    );
    const first = cursor === undefined ? {} : { cursor };
    const page = await readPages(limit ?? 50, (query) =>
      client.listAuditEntries({
        query: { ...first, ...query, ...asked },
        signal: interrupt.signal,
      }),
    );
    if (json) {
      output.json(page);
    } else if (page.items.length === 0) {
      output.note('Nothing in the audit log fits.');
    } else {
      const rows = page.items.map((entry) => [
        entry.at,
        describeActor(entry),
        entry.action,
        describeObject(entry),
        entry.address,
        describeDetails(entry),
      ]);
      output.line(table(['AT', 'WHO', 'ACTION', 'OBJECT', 'FROM', 'DETAILS'], rows));
      if (page.next_cursor !== null) {
        output.note(`There are more: raise --limit, or add --cursor ${page.next_cursor}`);
      }
    }
    return exitCodes.success;
  },
});

function describeActor({ actor }: AuditEntry): string {
  const name = actor.name === '' ? actor.id || actor.kind : actor.name;
  return actor.kind === 'person' && actor.via === 'api_key' ? `${name} (API key)` : name;
}

function describeObject({ object }: AuditEntry): string {
  if (object.kind === '') return '-';
  return `${object.kind} ${object.name === '' ? object.id : object.name}`;
}

function describeDetails({ details }: AuditEntry): string {
  return Object.entries(details)
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ');
}
