// `rivet audit verify`: whether the audit log is as it was written.

import { RivetError } from '@rivet/base';
import type { AuditFinding } from '@rivet/protocol';
import { defineCommand, text } from '../../command.ts';
import { exitCodes } from '../../exit-codes.ts';
import { openClient, serverOptions } from '../../server.ts';

/** Findings that are kept: whoever has these knows enough. */
const FINDINGS_MAX = 1000;

export const auditVerify = defineCommand({
  details:
    'Reads the whole log and finds rows that were changed, removed, put in or moved, each with its place. The exit code is 1 when there is one. It prints where the log ends: kept elsewhere and given back with --head, it shows also when the end was cut off and the whole database put back.',
  examples: [
    { command: 'rivet audit verify', what: 'Check all of it' },
    {
      command: 'rivet audit verify --head 1840:5f0c…',
      what: 'Check also that it still has what was its end then',
    },
  ],
  json: '`{ok, checked, findings: [{kind, position, id, message}], findings_left_out, head, waiting}`',
  options: {
    ...serverOptions,
    head: text('POSITION:LINK', 'An end of the log that an earlier check has printed'),
  },
  async run(context, _args, options) {
    const { output, interrupt } = context;
    const { head } = options;
    if (head !== undefined && !/^[1-9][0-9]{0,15}:[0-9a-f]{64}$/.test(head)) {
      throw RivetError.of('RIVET_AUDIT_HEAD_INVALID', { found: JSON.stringify(head) });
    }
    const client = await openClient(context, options);
    const findings: AuditFinding[] = [];
    const result = { checked: 0, findings_left_out: 0, head: null as string | null, waiting: 0 };
    let cursor: string | null = null;
    do {
      const query = {
        ...(cursor === null ? {} : { cursor }),
        ...(head === undefined ? {} : { head }),
      };
      const part = await client.verifyAuditLog({ query, signal: interrupt.signal });
      const kept = part.findings.slice(0, FINDINGS_MAX - findings.length);
      findings.push(...kept);
      result.checked += part.checked;
      result.findings_left_out += part.findings_left_out + part.findings.length - kept.length;
      result.head = part.head;
      result.waiting = part.waiting;
      // A server that does not get on would keep us here for ever.
      if (part.checked === 0) break;
      cursor = part.next_cursor;
      if (cursor !== null && output.terminal && !options.json) {
        output.note(`${result.checked} rows checked`);
      }
    } while (cursor !== null);
    const ok = findings.length === 0;
    if (options.json) {
      output.json({ ok, ...result, findings });
      return ok ? exitCodes.success : exitCodes.failed;
    }
    for (const { message } of findings) output.line(output.style.red(message));
    if (result.findings_left_out > 0) output.line(`and ${result.findings_left_out} more`);
    const waiting = result.waiting > 0 ? `, ${result.waiting} wait for their place` : '';
    const verdict = ok ? 'as they were written' : 'NOT as they were written';
    output.line(`${result.checked} rows are ${verdict}${waiting}.`);
    if (ok && result.head !== null) output.line(`The log ends at ${result.head}`);
    return ok ? exitCodes.success : exitCodes.failed;
  },
});
