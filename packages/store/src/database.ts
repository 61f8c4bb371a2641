// The connection pool: statements, transactions, and what is tried again when the database
// stumbles.
import { backoffMs, type Logger, RivetError, sleep } from '@rivet/base';
import { Client, type ClientConfig, Pool, type PoolClient } from 'pg';
import { isConflict, isConnectionLoss, toDatabaseError } from './database-error.ts';
import type { Queryable, Statement } from './statement.ts';

export interface DatabaseOptions {
  /** `postgres://user:password@host:port/database`. */
  readonly url: string;
  /** Shown in PostgreSQL's list of connections. */
  readonly applicationName: string;
  readonly logger: Logger;
  /** Connections at most, 10 when absent. */
  readonly connectionsMax?: number;
  /** A statement that takes longer is canceled, in milliseconds; 15,000 when absent. */
  readonly statementTimeoutMs?: number;
  /**
   * Whether each statement is planned once, whatever its values: for the few that run all the time,
   * whose plans are tested. Planning anew costs more than they do, the more partitions the more.
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
  /** Runs `work` in one transaction; it is undone when `work` throws. */
  transaction<T>(work: (tx: Queryable) => Promise<T>, options: TransactionOptions): Promise<T>;
  /** A connection of its own, outside of the pool; whoever asked for it ends it. */
  connect(): Promise<Client>;
  close(): Promise<void>;
}

/** What the answer of a canceled statement may take on its way, in milliseconds. */
const ANSWER_MARGIN_MS = 5000;
const TRIES = 3;
const BACKOFF = { baseMs: 50, maxMs: 1000 };

/**
 * Opens the pool; connects at the first statement.
 * @throws RIVET_DATABASE_URL_MISSING when the URL is not one
 */
export function createDatabase(options: DatabaseOptions): Database {
  const config = connectionConfig(options);
  const address = databaseAddress(options.url);
  const pool = new Pool({
    ...config,
    max: options.connectionsMax ?? 10,
    // Where the network swallows everything, nobody else ends the wait.
    query_timeout: config.statement_timeout + ANSWER_MARGIN_MS,
    idleTimeoutMillis: 30_000,
  });
  // An idle connection that breaks is replaced by the pool; without a listener it would end the
  // process.
  pool.on('error', (error) => options.logger.debug({ err: error }, 'an idle connection broke'));
  let closed: Promise<void> | undefined;
  return {
    address,
    query: (statement, values) =>
      retrying(address, statement.repeatable, () => run(pool, statement, values)),
    transaction: (work, { repeatable }) =>
      retrying(address, repeatable, () => inTransaction(pool, work)),
    async connect() {
      const client = new Client(config);
      client.on('error', () => undefined);
      try {
        await client.connect();
        return client;
      } catch (error) {
        await client.end().catch(() => undefined);
        throw toDatabaseError(error, address);
      }
    },
    close() {
      closed ??= pool.end();
      return closed;
    },
  };
}

/** `host:port/name` of a URL, for messages. */
export function databaseAddress(url: string): string {
  const { hostname, port, pathname } = new URL(url);
  return `${hostname}:${port === '' ? '5432' : port}${pathname}`;
}

function connectionConfig(
  options: DatabaseOptions,
): ClientConfig & { readonly statement_timeout: number } {
  const { url } = options;
  if (!URL.canParse(url) || !/^postgres(ql)?:$/.test(new URL(url).protocol)) {
    // Not the value itself: it may hold a password.
    const found = url === '' ? 'empty' : 'not a PostgreSQL URL';
    throw RivetError.of('RIVET_DATABASE_URL_MISSING', { found });
  }
  return {
    connectionString: url,
    application_name: options.applicationName,
    connectionTimeoutMillis: 5000,
    statement_timeout: options.statementTimeoutMs ?? 15_000,
    ...(options.plannedOnce === true && { options: '-c plan_cache_mode=force_generic_plan' }),
    idle_in_transaction_session_timeout: 30_000,
    keepAlive: true,
  };
}

async function run<Row extends object>(
  connection: Pool | PoolClient,
  { name, text }: Statement,
  values: readonly unknown[] = [],
): Promise<Row[]> {
  const result = await connection.query<Row>({ name, text, values: [...values] });
  return result.rows;
}

async function inTransaction<T>(pool: Pool, work: (tx: Queryable) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let broken = false;
  // A connection that breaks between two statements says so by an event: unheard, it ends the
  // process.
  const onError = (): void => {
    broken = true;
  };
  client.on('error', onError);
  try {
    await client.query('BEGIN');
    const result = await work({ query: (statement, values) => run(client, statement, values) });
    await client.query('COMMIT');
    return result;
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {
      broken = true;
    });
    throw error;
  } finally {
    client.off('error', onError);
    client.release(broken);
  }
}

async function retrying<T>(
  address: string,
  repeatable: boolean,
  action: () => Promise<T>,
): Promise<T> {
  for (let tried = 1; ; tried += 1) {
    try {
      return await action();
    } catch (error) {
      const again = isConflict(error) || (repeatable && isConnectionLoss(error));
      if (!again || tried >= TRIES) throw toDatabaseError(error, address);
      await sleep(backoffMs(tried, BACKOFF));
    }
  }
}
