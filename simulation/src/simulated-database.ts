// The database of a simulated world: the real one, with the clock of the world, whose answers get
// lost and whose statements are where an orchestrator may die.
import { AsyncLocalStorage } from 'node:async_hooks';
import { RivetError } from '@rivet/base';
import type { Database, Queryable } from '@rivet/store';
import type { SimulatedClock } from './simulated-clock.ts';
import { never, SimulatedProcess } from './simulated-process.ts';
import type { SimulatedTime } from './simulated-time.ts';
import { changeStatement, type StatementChange } from './statement-changes.ts';

/** What becomes of a statement or a transaction: nobody may learn that it was done. */
export type Fate = 'done' | 'not done' | 'done, and nobody learns of it' | 'done twice';

/** Whether the code that runs now is that of a transaction that goes on. */
const transactions = new AsyncLocalStorage<{ goesOn: boolean }>();

type TransactionOptions = Parameters<Database['transaction']>[1];

export interface SimulatedDatabaseOptions {
  readonly time: SimulatedTime;
  /** What the database reads the time from. */
  readonly clock: SimulatedClock;
  readonly chooseFate: () => Fate;
  /** Mistakes in what programs ask. */
  readonly changes?: readonly StatementChange[] | undefined;
}

/**
 * `now()` is the simulation's, in whatever is asked from now on, and in what rows have by default.
 */
export async function prepareClock(database: Database, clock: SimulatedClock): Promise<void> {
  const { address } = database;
  const name = address.slice(address.lastIndexOf('/') + 1);
  await run(
    database,
    `DO $$
     DECLARE field record; fn text;
     BEGIN
       CREATE SCHEMA simulated;
       ALTER FUNCTION pg_catalog.pg_stat_file(text) STABLE;
       FOREACH fn IN ARRAY ARRAY['now', 'clock_timestamp', 'statement_timestamp'] LOOP
         EXECUTE format('CREATE FUNCTION simulated.%I() RETURNS timestamptz LANGUAGE sql STABLE
           AS $body$ SELECT pg_catalog.to_timestamp(
             (${clock.beganMs} + (pg_catalog.pg_stat_file(%L)).size)::float8 / 1000) $body$',
             fn, '${clock.path}');
       END LOOP;
       FOR field IN
         SELECT d.adrelid::regclass AS of, a.attname AS name
         FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
         WHERE pg_get_expr(d.adbin, d.adrelid) = 'now()'
       LOOP
         EXECUTE format('ALTER TABLE %s ALTER %I SET DEFAULT simulated.now()', field.of, field.name);
       END LOOP;
       EXECUTE format('ALTER DATABASE %I SET search_path = simulated, pg_catalog, public', '${name}');
       EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', '${name}');
     END $$`,
  );
}

/**
 * Counts what is asked of the database and not answered yet: meanwhile no time passes. One
 * statement or transaction after the other, as they were asked for: of two at once the machine
 * would decide which is first, and not the seed.
 */
export class SimulatedDatabase {
  readonly #database: Database;
  readonly #options: SimulatedDatabaseOptions;
  #underWay = 0;
  #wake: (() => void) | undefined;
  /** Resolves when all that was asked before has been done. */
  #before: Promise<void> = Promise.resolve();

  constructor(database: Database, options: SimulatedDatabaseOptions) {
    this.#database = database;
    this.#options = options;
  }

  get isBusy(): boolean {
    return this.#underWay > 0;
  }

  /** Resolves when everything that was asked has its answer. */
  async idle(): Promise<void> {
    while (this.isBusy) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** As an orchestrator uses it. */
  get forPrograms(): Database {
    const database = this.#database;
    return {
      ...database,
      query: (statement, values) =>
        this.#meet(statement.repeatable, () => this.#through(database).query(statement, values)),
      transaction: (work, options) =>
        this.#meet(options.repeatable, () => this.#transact(work, options)),
    };
  }

  /** As the simulation itself uses it: nothing breaks. */
  get plain(): Database {
    const database = this.#database;
    return {
      ...database,
      query: (statement, values) => this.#wait(() => database.query(statement, values)),
      transaction: (work, options) => this.#wait(() => database.transaction(work, options)),
    };
  }

  /** The driver of the database has the real time, whoever asks. */
  #through(db: Queryable): Queryable {
    const process = SimulatedProcess.current;
    return {
      query: async (statement, values) => {
        process?.stepOrThrow();
        const { changes } = this.#options;
        const asked = changes === undefined ? statement : changeStatement(statement, changes);
        return SimulatedProcess.outside(() => db.query(asked, values));
      },
    };
  }

  #transact<T>(work: (tx: Queryable) => Promise<T>, options: TransactionOptions): Promise<T> {
    const process = SimulatedProcess.current;
    const within = async (tx: Queryable): Promise<T> => {
      const transaction = { goesOn: true };
      const inside = (): Promise<T> =>
        transactions.run(transaction, () => work(process === undefined ? tx : this.#through(tx)));
      try {
        return await (process === undefined ? inside() : process.run(inside));
      } finally {
        transaction.goesOn = false;
      }
    };
    return SimulatedProcess.outside(() => this.#database.transaction(within, options));
  }

  async #meet<T>(repeatable: boolean, ask: () => Promise<T>): Promise<T> {
    const process = SimulatedProcess.current;
    if (process?.step() === false) return never();
    const fate = this.#options.chooseFate();
    if (fate === 'not done') throw this.#away();
    const answer = this.#wait(async () => {
      // What the pool does where nobody knows whether it was done.
      if (fate === 'done twice' && repeatable) await ask();
      return ask();
    });
    await Promise.allSettled([answer]);
    // It may be done, and its program dies before it hears of that.
    if (process?.step() === false) return never();
    if (fate === 'done, and nobody learns of it') throw this.#away();
    return answer;
  }

  async #wait<T>(ask: () => Promise<T>): Promise<T> {
    this.#underWay += 1;
    const { promise: done, resolve } = Promise.withResolvers<void>();
    try {
      // What a transaction asks beside itself would wait for its own end.
      if (transactions.getStore()?.goesOn !== true) {
        const before = this.#before;
        this.#before = done;
        await before;
      }
      this.#options.clock.set(this.#options.time.nowMs);
      return await ask();
    } finally {
      resolve();
      this.#underWay -= 1;
      if (this.#underWay === 0) this.#wake?.();
    }
  }

  #away(): RivetError {
    return RivetError.of('RIVET_DATABASE_UNREACHABLE', {
      database: 'simulated',
      reason: 'the connection was cut',
    });
  }
}

function run<Row extends object>(
  db: Queryable,
  text: string,
  values: readonly unknown[] = [],
): Promise<Row[]> {
  return db.query<Row>(
    { name: values.length > 0 ? 'simulated_clock' : '', text, repeatable: false },
    values,
  );
}
