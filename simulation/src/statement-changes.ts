// Deliberate mistakes in the statements of orchestrators: each takes away one thing that keeps jobs
// whole, whichever way the statement is asked.
import type { Queryable } from '@rivet/store';

export type Statement = Parameters<Queryable['query']>[0];

/** In the statements of these names, `from` is replaced by `to`. */
export interface StatementChange {
  readonly statements: RegExp;
  readonly from: string;
  readonly to: string;
}

/** PostgreSQL cuts longer names. */
const NAME_LENGTH_MAX = 50;
const CLAIMS = /^claim_jobs/;
const REPORTING_CLAIMS = /^claim_jobs.*_reporting$/;
const PLAIN_CLAIMS = /^claim_jobs(?!.*_reporting$)/;
const STORE_LINES = /^store_lines$/;
const PLAIN_REPORTS = /^store_plain_reports$|^claim_jobs.*_reporting$/;

/** @throws when the statement has not what is to be replaced */
export function changeStatement(
  statement: Statement,
  changes: readonly StatementChange[],
): Statement {
  let { text } = statement;
  for (const { statements, from, to } of changes) {
    if (!statements.test(statement.name)) continue;
    if (!text.includes(from)) throw new Error(`"${from}" is not part of ${statement.name}`);
    text = text.replaceAll(from, to);
  }
  if (text === statement.text) return statement;
  // Under its own name the database would take what it has prepared.
  const name = `${statement.name.slice(0, NAME_LENGTH_MAX)}_${numberOf(text)}`;
  return { ...statement, name, text };
}

const numbers = new Map<string, number>();

function numberOf(text: string): number {
  const number = numbers.get(text) ?? numbers.size + 1;
  numbers.set(text, number);
  return number;
}

export interface StatementMutation {
  readonly name: string;
  /** As of any mutation. */
  readonly seed?: number | undefined;
  readonly changes: readonly StatementChange[];
}

const REPORT_MUTATIONS: readonly StatementMutation[] = [
  {
    name: 'a plain report is not fenced',
    seed: 1900,
    changes: [
      { statements: PLAIN_REPORTS, from: 'r.lease_id, r.seq', to: 'a.lease_id::text, r.seq' },
    ],
  },
  {
    name: 'reported lines are not fenced',
    seed: 104,
    changes: [
      { statements: STORE_LINES, from: 'r.lease_id, r.seq', to: 'a.lease_id::text, r.seq' },
    ],
  },
  {
    name: 'the sequence of plain reports is not checked',
    changes: [
      { statements: PLAIN_REPORTS, from: 'r.lease_id, r.seq - 1', to: 'r.lease_id, a.last_seq' },
    ],
  },
  {
    name: 'the number of a stored report is not kept',
    changes: [
      { statements: /^advance_attempts$/, from: '($3::int[])[place]', to: 'a.last_seq' },
      { statements: STORE_LINES, from: 'last_seq = a.last_seq + 1,', to: '' },
    ],
  },
  {
    name: 'the number of stored lines is not kept',
    changes: [
      { statements: /^advance_attempts$/, from: '($4::int[])[place]', to: 'a.log_lines' },
      { statements: STORE_LINES, from: 'a.log_lines + ($7::int[])[place]', to: 'a.log_lines' },
    ],
  },
  {
    name: 'a report does not renew the lease',
    changes: [
      {
        statements:
          /^advance_attempts$|^store_lines$|^store_plain_reports$|^claim_jobs.*_reporting$/,
        from: 'lease_until = clock_timestamp() + make_interval(',
        to: 'lease_until = a.lease_until + 0 * make_interval(',
      },
    ],
  },
  {
    name: 'a renewal of a lease renews nothing',
    changes: [
      {
        statements: /^renew_leases$/,
        from: 'lease_until = clock_timestamp() + make_interval(',
        to: 'lease_until = a.lease_until + 0 * make_interval(',
      },
    ],
  },
  {
    name: 'a stored chunk of a log begins one line later',
    changes: [
      {
        statements: /^append_logs$/,
        from: 'SELECT job_id, attempt, first_line, line_count',
        to: 'SELECT job_id, attempt, first_line + 1, line_count',
      },
      {
        statements: STORE_LINES,
        from: 'SELECT job_id, attempt, first_line, line_count, substring',
        to: 'SELECT job_id, attempt, first_line + 1, line_count, substring',
      },
    ],
  },
];

const CLAIM_MUTATIONS: readonly StatementMutation[] = [
  {
    name: 'a claim leaves the job in the queue',
    changes: [
      {
        statements: CLAIMS,
        from: 'DELETE FROM job_queue q USING assigned a WHERE q.job_id = a.job_id',
        to: 'DELETE FROM job_queue q USING assigned a WHERE q.job_id = a.job_id AND false',
      },
    ],
  },
  {
    name: 'a claim begins no new attempt',
    changes: [
      {
        statements: PLAIN_CLAIMS,
        from: 'attempt = j.attempt + 1',
        to: 'attempt = greatest(1, j.attempt)',
      },
      {
        statements: REPORTING_CLAIMS,
        from: 'attempt = j.attempt + c.starts',
        to: 'attempt = greatest(1, j.attempt)',
      },
    ],
  },
  {
    name: 'a claim is undone although its runner asked again',
    seed: 197,
    changes: [
      {
        statements: /^was_attempt_renewed$/,
        from: 'lease_until >',
        to: 'false AND lease_until >',
      },
    ],
  },
  {
    name: 'a held attempt keeps its lease',
    seed: 104,
    changes: [
      {
        statements: /^hold_attempts$/,
        from: 'lease_id = h.next_id',
        to: 'lease_id = a.lease_id',
      },
    ],
  },
];

const END_MUTATIONS: readonly StatementMutation[] = [
  {
    name: 'leases run out before their time',
    changes: [
      {
        statements: /^beat$/,
        from: 'running_attempts WHERE lease_until < now()',
        to: 'running_attempts',
      },
      { statements: /^list_expired_attempts$/, from: 'lease_until < now()', to: 'true' },
      {
        statements: /^read_attempt$/,
        from: 'lease_until < now() AS expired',
        to: 'true AS expired',
      },
    ],
  },
  {
    name: 'leases never run out',
    changes: [{ statements: /^list_expired_attempts$/, from: 'lease_until < now()', to: 'false' }],
  },
  {
    name: 'an attempt that ended stays current',
    changes: [
      {
        statements: /^end_attempt$/,
        from: 'DELETE FROM running_attempts WHERE job_id = $1 AND attempt = $2 RETURNING *',
        to: 'SELECT * FROM running_attempts WHERE job_id = $1 AND attempt = $2',
      },
    ],
  },
  {
    name: 'a job that is tried again is not queued',
    changes: [
      { statements: /^enqueue_job$/, from: 'WHERE j.id = $1', to: 'WHERE j.id = $1 AND false' },
    ],
  },
  {
    name: 'attempts are not counted',
    changes: [{ statements: /^count_spent_attempts$/, from: 'count(*)::int', to: '0' }],
  },
];

export const STATEMENT_MUTATIONS: readonly StatementMutation[] = [
  ...REPORT_MUTATIONS,
  ...CLAIM_MUTATIONS,
  ...END_MUTATIONS,
];
