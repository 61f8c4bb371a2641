// When PostgreSQL committed, on the clock of this process: where a wait for a commit begins.
import { silentLogger } from '@rivet/base';
import { createDatabase } from '@rivet/store';

/** What the server must be set to. */
export const commitTimeSettings = { track_commit_timestamp: 'on' };

const SAMPLES = 50;

export interface CommitTimes {
  /** When the launch of a job was committed, by `performance.now()` of this process. */
  ofJob(id: string): Promise<number>;
  /** Runs a statement that returns its `xmin` and gives when it was committed. */
  ofStatement(text: string, values: readonly unknown[]): Promise<number>;
  close(): Promise<void>;
}

/**
 * A job's own rows change when it is claimed, so a row of the benchmark's own is written with each.
 */
export async function openCommitTimes(url: string): Promise<CommitTimes> {
  const applicationName = 'rivet-bench-commits';
  const database = createDatabase({
    url,
    applicationName,
    logger: silentLogger,
    connectionsMax: 1,
  });
  const query = <Row extends object>(text: string, values: readonly unknown[] = []) =>
    database.query<Row>({ name: '', text, repeatable: false }, values);
  await query('CREATE TABLE bench_launches (job_id uuid PRIMARY KEY)');
  await query(`CREATE FUNCTION bench_note_launch() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO bench_launches VALUES (NEW.id); RETURN NULL; END $$`);
  await query(`CREATE TRIGGER bench_note_launch AFTER INSERT ON jobs
    FOR EACH ROW EXECUTE FUNCTION bench_note_launch()`);
  const offset = await clockOffset(async () => {
    const [row] = await query<{ ms: number }>(
      'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS ms',
    );
    return row?.ms ?? Number.NaN;
  });
  const committed = async (xmin: string): Promise<number> => {
    const [row] = await query<{ ms: number }>(
      'SELECT (extract(epoch FROM pg_xact_commit_timestamp($1::xid)) * 1000)::float8 AS ms',
      [xmin],
    );
    if (row === undefined) throw new Error(`nothing is known of the transaction ${xmin}`);
    return row.ms - offset;
  };
  return {
    async ofJob(id) {
      const [row] = await query<{ xmin: string }>(
        'SELECT xmin::text AS xmin FROM bench_launches WHERE job_id = $1',
        [id],
      );
      if (row === undefined) throw new Error(`the launch of job ${id} was not noted`);
      return committed(row.xmin);
    },
    async ofStatement(text, values) {
      const [row] = await query<{ xmin: string }>(text, values);
      if (row === undefined) throw new Error('the statement returned no row');
      return committed(row.xmin);
    },
    close: () => database.close(),
  };
}

/** What its clock is ahead of ours; the fastest answer of many tells it best. */
async function clockOffset(readClock: () => Promise<number>): Promise<number> {
  let best = { tookMs: Number.POSITIVE_INFINITY, offset: 0 };
  for (let sample = 0; sample < SAMPLES; sample += 1) {
    const start = performance.now();
    const theirs = await readClock();
    const tookMs = performance.now() - start;
    if (tookMs < best.tookMs) best = { tookMs, offset: theirs - (start + tookMs / 2) };
  }
  return best.offset;
}
