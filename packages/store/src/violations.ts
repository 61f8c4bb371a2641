// What must hold of jobs whatever died meanwhile, asked of the database: the invariants of
// docs/architecture.md that a row can break. For tests, after everything has calmed down.
import { type Queryable, repeatable, type Statement } from './statement.ts';

interface Rule {
  /** What is wrong with the rows that the statement finds. */
  readonly broken: string;
  /** Finds `found`: the key of each row that breaks the rule. */
  readonly statement: Statement;
}

/** An attempt is in one of two tables; each of a job, with its end. */
const ATTEMPTS = `(
    SELECT job_id, attempt, log_lines, true AS current FROM running_attempts
    UNION ALL
    SELECT job_id, attempt, log_lines, false FROM job_attempts
  )`;

const RULES: readonly Rule[] = [
  {
    broken: 'the job waits and is not in the queue, or is in the queue and does not wait',
    statement: repeatable(
      'violation_queue',
      `SELECT COALESCE(j.id, q.job_id)::text AS found
       FROM (SELECT id FROM jobs WHERE state = 'queued') j
       FULL JOIN job_queue q ON q.job_id = j.id
       WHERE j.id IS NULL OR q.job_id IS NULL`,
    ),
  },
  {
    broken: 'the job runs and nobody holds it, or somebody holds it and it does not run',
    statement: repeatable(
      'violation_holders',
      `SELECT COALESCE(j.id, a.job_id)::text AS found
       FROM (SELECT id, attempt FROM jobs WHERE state = 'running') j
       FULL JOIN running_attempts a ON a.job_id = j.id AND a.attempt = j.attempt
       WHERE j.id IS NULL OR a.job_id IS NULL`,
    ),
  },
  {
    broken: 'attempts of the job are missing, or there twice',
    statement: repeatable(
      'violation_attempts',
      `SELECT j.id::text AS found
       FROM jobs j LEFT JOIN ${ATTEMPTS} a ON a.job_id = j.id
       GROUP BY j.id, j.attempt
       HAVING count(a.attempt) <> j.attempt OR count(DISTINCT a.attempt) <> j.attempt
         OR COALESCE(max(a.attempt), 0) <> j.attempt`,
    ),
  },
  {
    broken: 'an attempt before the last succeeded, or two of them',
    statement: repeatable(
      'violation_successes',
      `SELECT j.id::text AS found FROM jobs j
       JOIN job_attempts a ON a.job_id = j.id AND a.result = 'succeeded'
       GROUP BY j.id, j.state, j.attempt
       HAVING count(*) > 1 OR max(a.attempt) <> j.attempt OR j.state <> 'succeeded'`,
    ),
  },
  {
    broken: 'the log of the attempt has a gap, a repeat, or not as many lines as were acknowledged',
    statement: repeatable(
      'violation_logs',
      `SELECT a.job_id || ' attempt ' || a.attempt AS found
       FROM ${ATTEMPTS} a
       LEFT JOIN (
         SELECT job_id, attempt, line_count, first_line = 1 + COALESCE(sum(line_count)
           OVER (PARTITION BY job_id, attempt ORDER BY first_line
             ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS follows
         FROM job_logs
       ) l ON l.job_id = a.job_id AND l.attempt = a.attempt
       GROUP BY a.job_id, a.attempt, a.log_lines
       HAVING COALESCE(sum(l.line_count), 0) <> a.log_lines OR NOT COALESCE(bool_and(l.follows), true)`,
    ),
  },
  {
    broken: 'the log belongs to no attempt',
    statement: repeatable(
      'violation_stray_logs',
      `SELECT DISTINCT l.job_id || ' attempt ' || l.attempt AS found FROM job_logs l
       WHERE NOT EXISTS (
         SELECT FROM ${ATTEMPTS} a WHERE a.job_id = l.job_id AND a.attempt = l.attempt
       )`,
    ),
  },
  {
    broken: 'the job has ended and a stage of it has not',
    statement: repeatable(
      'violation_stages',
      `SELECT s.job_id || ' attempt ' || s.attempt || ' ' || s.name AS found
       FROM job_stages s JOIN jobs j ON j.id = s.job_id
       WHERE s.state IN ('pending', 'running') AND s.attempt = j.attempt
         AND j.finished_at IS NOT NULL`,
    ),
  },
  {
    broken: 'the job has ended and is in its concurrency group, or has not and is not',
    statement: repeatable(
      'violation_members',
      `SELECT j.id::text AS found
       FROM (SELECT id, finished_at FROM jobs WHERE concurrency_group IS NOT NULL) j
       LEFT JOIN concurrency_members m ON m.job_id = j.id
       WHERE (j.finished_at IS NULL) <> (m.job_id IS NOT NULL)`,
    ),
  },
  {
    broken: 'the job has a place in its group and waits for ever, or has none and does not',
    statement: repeatable(
      'violation_admissions',
      `SELECT q.job_id::text AS found
       FROM job_queue q LEFT JOIN concurrency_members m ON m.job_id = q.job_id
       WHERE (q.run_after = 'infinity') <> COALESCE(NOT m.admitted, false)`,
    ),
  },
];

/** One sentence for each row that breaks a rule. Reads everything: not for a large installation. */
export async function findViolations(db: Queryable): Promise<string[]> {
  const violations: string[] = [];
  for (const { broken, statement } of RULES) {
    const rows = await db.query<{ found: string }>(statement);
    violations.push(...rows.map(({ found }) => `${found}: ${broken}`));
  }
  return violations;
}
