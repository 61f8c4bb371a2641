// Ids that tests know beforehand, of rows that they make many of.

export const PIPELINE = '00000000-0000-7000-8000-000000000001';
export const RUNNER = '00000000-0000-7000-8000-000000000002';
export const LEASE = '00000000-0000-7000-8000-000000000003';

/** The id of job `n`; of a greater one it is greater. */
export const jobId = (n: number) => `01900000-0000-7000-8000-${n.toString(16).padStart(12, '0')}`;

/** The same in SQL, for a column `n`. */
export const JOB_ID = `('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid`;
