// Deliberate mistakes in the protocol: each takes away one thing that keeps jobs whole. A
// simulation that does not notice one of them proves nothing.

/** What is changed. Nothing of it is set in a simulation without a mistake. */
export interface Mutation {
  readonly name: string;
  /** Of a rare one: where to begin to look, a little before the first seed that noticed it. */
  readonly seed?: number;
  /** In the statement of this name, `from` is replaced by `to`. */
  readonly sql?: readonly {
    readonly statement: string;
    readonly from: string;
    readonly to: string;
  }[];
  /** The server answers reports before it has stored them, and forgets every third. */
  readonly acknowledgesEarly?: true;
  /** The server takes a report for the attempt and lease that are current. */
  readonly takesAnyAttempt?: true;
  /** The server takes a report for the next one, whatever its number. */
  readonly takesAnySequence?: true;
  /** The server undoes claims whose answer arrived. */
  readonly undoesDelivered?: true;
  /** The runner goes on when its lease is over. */
  readonly ignoresLease?: true;
  /** The runner gives a report that it sends again a new number. */
  readonly numbersAgain?: true;
  /** A runner that starts again does not ask how far its log came. */
  readonly startsLogOver?: true;
  /** The runner forgets lines that it has sent before they were acknowledged. */
  readonly forgetsUnacknowledged?: true;
  /** The runner sends the next report before the one before it is answered. */
  readonly doesNotWait?: true;
  /** The runner does not number its connects. */
  readonly countsNoConnects?: true;
  /** A runner that starts again uses the lease of before. */
  readonly keepsLease?: true;
}

export const MUTATIONS: readonly Mutation[] = [
  {
    name: 'a plain report is not fenced',
    seed: 270,
    sql: [
      {
        statement: 'store_plain_reports',
        from: 'r.lease_id, r.seq',
        to: 'a.lease_id::text, r.seq',
      },
    ],
  },
  {
    name: 'the sequence of plain reports is not checked',
    seed: 25,
    sql: [
      {
        statement: 'store_plain_reports',
        from: 'r.lease_id, r.seq - 1',
        to: 'r.lease_id, a.last_seq',
      },
    ],
  },
  { name: 'a report is taken for whatever attempt is current', takesAnyAttempt: true },
  { name: 'the sequence of reports is not checked', takesAnySequence: true },
  { name: 'a report is acknowledged before it is stored', acknowledgesEarly: true },
  {
    name: 'the number of a stored report is not kept',
    sql: [{ statement: 'advance_attempts', from: 'last_seq = p.seq,', to: '' }],
  },
  {
    name: 'the number of stored lines is not kept',
    sql: [{ statement: 'advance_attempts', from: 'log_lines = p.log_lines,', to: '' }],
  },
  {
    name: 'a report does not renew the lease',
    sql: [
      {
        statement: 'advance_attempts',
        from: 'lease_until = now() + make_interval(secs => $6)',
        to: 'lease_until = CASE WHEN $6 > 0 THEN a.lease_until END',
      },
      {
        statement: 'store_plain_reports',
        from: 'lease_until = now() + make_interval(secs => $12)',
        to: 'lease_until = CASE WHEN $12 > 0 THEN a.lease_until END',
      },
    ],
  },
  {
    name: 'a claim leaves the job in the queue',
    sql: [
      {
        statement: 'claim_jobs',
        from: 'DELETE FROM job_queue q USING assigned a WHERE q.job_id = a.job_id',
        to: 'DELETE FROM job_queue q USING assigned a WHERE q.job_id = a.job_id AND false',
      },
    ],
  },
  {
    name: 'a claim begins no new attempt',
    sql: [
      {
        statement: 'claim_jobs',
        from: 'attempt = j.attempt + 1',
        to: 'attempt = greatest(1, j.attempt)',
      },
    ],
  },
  {
    name: 'a claim is undone although it arrived',
    undoesDelivered: true,
  },
  {
    name: 'leases run out before their time',
    sql: [
      { statement: 'list_expired_attempts', from: 'lease_until < now()', to: 'true' },
      { statement: 'read_attempt', from: 'lease_until < now() AS expired', to: 'true AS expired' },
    ],
  },
  {
    name: 'leases never run out',
    sql: [{ statement: 'list_expired_attempts', from: 'lease_until < now()', to: 'false' }],
  },
  {
    name: 'an attempt that ended stays current',
    sql: [
      {
        statement: 'end_attempt',
        from: 'DELETE FROM running_attempts WHERE job_id = $1 AND attempt = $2 RETURNING *',
        to: 'SELECT * FROM running_attempts WHERE job_id = $1 AND attempt = $2',
      },
    ],
  },
  {
    name: 'a job that is tried again is not queued',
    sql: [{ statement: 'enqueue_job', from: 'WHERE j.id = $1', to: 'WHERE j.id = $1 AND false' }],
  },
  {
    name: 'attempts are not counted',
    seed: 70,
    sql: [{ statement: 'count_spent_attempts', from: 'count(*)::int', to: '0' }],
  },
  {
    name: 'a held attempt keeps its lease',
    sql: [
      { statement: 'hold_attempts', from: 'lease_id = h.next_id', to: 'lease_id = a.lease_id' },
    ],
  },
  {
    name: 'a stored chunk of a log begins one line later',
    sql: [
      {
        statement: 'append_logs',
        from: 'SELECT job_id, attempt, first_line, line_count',
        to: 'SELECT job_id, attempt, first_line + 1, line_count',
      },
    ],
  },
  { name: 'a runner works on when its lease is over', ignoresLease: true },
  { name: 'a runner gives what it sends again a new number', numbersAgain: true },
  { name: 'a runner that starts again begins its log again', startsLogOver: true },
  { name: 'a runner forgets lines before they were acknowledged', forgetsUnacknowledged: true },
  { name: 'a runner sends a report before the last one was answered', doesNotWait: true },
  { name: 'a runner that starts again keeps its lease', seed: 295, keepsLease: true },
  { name: 'a runner does not number its connects', countsNoConnects: true },
  {
    name: 'a claim is undone although its runner asked again',
    sql: [
      { statement: 'was_attempt_renewed', from: 'lease_until >', to: 'false AND lease_until >' },
    ],
  },
];
