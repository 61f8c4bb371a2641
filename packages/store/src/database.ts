// The connection pool: statements, transactions, and what is tried again when the database
// stumbles.
import { backoffMs, type Logger, sleep } from '@rivet/base';
import { type Client, type ClientConfig, Pool, type PoolClient } from 'pg';
import {
  isConflict,
  isConnectionLoss,
  isNotBegun,
  isReadOnly,
  toDatabaseError,
} from './database-error.ts';
import { clientOf, readDatabasePlace } from './database-place.ts';
import type { Queryable, Statement } from './statement.ts';

export interface DatabaseOptions {
  /** `postgres://user:password@host:port/database`; several hosts as libpq has them. */
  readonly url: string;
  /** The variable that `url` is from, for messages; DATABASE_URL when absent. */
  readonly setting?: string;
  /**
   * Where `url` is a pooler that gives each transaction another connection (pgbouncer): the
   * database itself, for what needs a session. Settings that a session begins with are the database's then.
   */
  readonly directUrl?: string | undefined;
  /** Whether statements are prepared once for each connection; yes when absent. */
  readonly preparedStatements?: boolean | undefined;
  /** Shown in PostgreSQL's list of connections. */
  readonly applicationName: string;
  readonly logger: Logger;
  /** Connections at most, 10 when absent. */
  readonly connectionsMax?: number;
  /** A statement that takes longer is canceled, in milliseconds; 15,000 when absent. */
  readonly statementTimeoutMs?: number;
  /**
   * Whether each statement is planned once, whatever its values, and finds rows by their keys: for
   * the few that run all the time, whose plans are tested. Planning anew costs more than they do,
   * the more partitions the more.
   */
  readonly plannedOnce?: boolean;
}

export interface TransactionOptions {
  /**
   * Whether the work has the same effect when it runs twice, so that it may run again after a lost
   * connection.
   */
  readonly repeatable: boolean;
}

/**
 * Where the data is. All errors of its condition are RIVET_DATABASE_UNREACHABLE or
 * RIVET_DATABASE_FULL.
 */
export interface Database extends Queryable {
  /** Host, port and name, without user and password. */
  readonly address: string;
  /** How many statements and transactions may be under way; others wait, for five seconds at most. */
  readonly connectionsMax: number;
  /** Runs `work` in one transaction; it is undone when `work` throws. */
  transaction<T>(work: (tx: Queryable) => Promise<T>, options: TransactionOptions): Promise<T>;
  /** A session of its own, outside of the pool; whoever asked for it ends it. */
  connect(): Promise<Client>;
  close(): Promise<void>;
}

/** What the answer of a canceled statement may take on its way, in milliseconds. */
const ANSWER_MARGIN_MS = 5000;
const TRIES = 3;
/**
 * A plan that is kept may be of a moment at which its tables had next to nothing: it would read
 * them as a whole, with all that was deleted since and not yet vacuumed.
 */
const PLANNED_ONCE = [
  'plan_cache_mode=force_generic_plan',
  ...['seqscan', 'hashjoin', 'mergejoin', 'material'].map((way) => `enable_${way}=off`),
]
  .map((setting) => `-c ${setting}`)
  .join(' ');
const BACKOFF = { baseMs: 50, maxMs: 1000 };

/**
 * Opens the pool; connects at the first statement.
 * @throws RIVET_DATABASE_URL_MISSING when the URL is not one
 */
export function createDatabase(options: DatabaseOptions): Database {
  const place = readDatabasePlace(options.url, options.setting);
  const { directUrl, preparedStatements: prepared = true } = options;
  const directPlace =
    directUrl === undefined ? place : readDatabasePlace(directUrl, 'RIVET_DATABASE_DIRECT_URL');
  const { address } = place;
  const { connectionsMax = 10 } = options;
  const common = connectionConfig(options);
  const session = sessionConfig(options);
  const SessionClient = clientOf(directPlace);
  const pool = new Pool({
    ...common,
    ...(directUrl === undefined && session),
    Client: clientOf(place),
    max: connectionsMax,
    // Where the network swallows everything, nobody else ends the wait.
    query_timeout: session.statement_timeout + ANSWER_MARGIN_MS,
    idleTimeoutMillis: 30_000,
  });
  // The pool replaces it; without a listener its event would end the process.
  pool.on('error', (error) => options.logger.debug({ err: error }, 'an idle connection broke'));
  let closed: Promise<void> | undefined;
  const tries = Math.max(TRIES, place.urls.length + 1);
  const retrying = <T>(repeatable: boolean, action: () => Promise<T>): Promise<T> =>
    retry({ address, repeatable, tries }, action);
  return {
    address,
    connectionsMax,
    query: (statement, values) =>
      retrying(statement.repeatable, () => run(pool, statement, values, prepared)),
    transaction: (work, { repeatable }) =>
      retrying(repeatable, () => inTransaction(pool, work, prepared)),
    async connect() {
      const client = new SessionClient({ ...common, ...session });
      try {
        await client.connect();
        return client;
      } catch (error) {
        await client.end().catch(() => undefined);
        throw toDatabaseError(error, directPlace.address);
      }
    },
    close() {
      closed ??= pool.end();
      return closed;
    },
  };
}

function connectionConfig(options: DatabaseOptions): ClientConfig {
  return {
    application_name: options.applicationName,
    connectionTimeoutMillis: 5000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  };
}

/** What a session begins with; a pooler refuses to start one for these. */
function sessionConfig(
  options: DatabaseOptions,
): ClientConfig & { readonly statement_timeout: number } {
  return {
    statement_timeout: options.statementTimeoutMs ?? 15_000,
    idle_in_transaction_session_timeout: 30_000,
    ...(options.plannedOnce === true && { options: PLANNED_ONCE }),
  };
}

async function run<Row extends object>(
  connection: Pool | PoolClient,
  { name, text }: Statement,
  values: readonly unknown[] = [],
  prepared = true,
): Promise<Row[]> {
  const query = { name: prepared ? name : '', text, values: [...values] };
  const result = await connection.query<Row>(query);
  return result.rows;
}

async function inTransaction<T>(
  pool: Pool,
  work: (tx: Queryable) => Promise<T>,
  prepared: boolean,
): Promise<T> {
  const client = await pool.connect();
  let broken = false;
  // A connection that breaks between two statements says so by an event.
  const onError = (): void => {
    broken = true;
  };
  client.on('error', onError);
  try {
    await client.query('BEGIN');
    const result = await work({
      query: (statement, values) => run(client, statement, values, prepared),
    });
    await client.query('COMMIT');
    return result;
  } catch (error) {
    // A host that takes no writes any more would refuse the next one as well.
    broken ||= isReadOnly(error);
    await client.query('ROLLBACK').catch(() => {
      broken = true;
    });
    throw error;
  } finally {
    client.off('error', onError);
    client.release(broken);
  }
}

interface RetryOptions {
  readonly address: string;
  readonly repeatable: boolean;
  readonly tries: number;
}

async function retry<T>(
  { address, repeatable, tries }: RetryOptions,
  action: () => Promise<T>,
): Promise<T> {
  for (let tried = 1; ; tried += 1) {
    try {
      return await action();
    } catch (error) {
      const undone = isConflict(error) || isNotBegun(error);
      const again = undone || (repeatable && isConnectionLoss(error));
      if (!again || tried >= tries) throw toDatabaseError(error, address);
      await sleep(backoffMs(tried, BACKOFF));
    }
  }
}
