// Errors of the area "audit": the log of who did what.
import { defineErrors } from './define.ts';

export const auditErrors = defineErrors({
  RIVET_AUDIT_HEAD_BROKEN: {
    message: 'the end of the audit log is not what was written there: {reason}',
    solve:
      'Run `rivet audit verify` and find out who changed the database. Rows are recorded still; they are chained again once the tables audit_log and audit_head are restored from a backup.',
    status: 500,
    exit: 1,
    fault: 'operator',
  },
  RIVET_AUDIT_HEAD_INVALID: {
    message: '{found} is no end of an audit log; expected POSITION:LINK, the link in 64 hex digits',
    solve: 'Give it as `rivet audit verify` has printed it.',
    status: 400,
    exit: 2,
    fault: 'user',
  },
  RIVET_AUDIT_ACTION_UNKNOWN: {
    message: 'the audit log knows no action {found}{suggestion}',
    solve:
      '`docs/operating/audit.md` lists the actions; `*` stands for any text, for example `pipeline.*`.',
    status: 400,
    exit: 2,
    fault: 'user',
  },
  RIVET_AUDIT_TIME_INVALID: {
    message: '{found} is no point in time; expected one like {example}',
    solve: 'Write the time in UTC, or how long ago it was, such as 90m, 12h or 7d.',
    status: 400,
    exit: 2,
    fault: 'user',
  },
});
