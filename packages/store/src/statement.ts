// A prepared statement: the only form in which SQL reaches the database.

/** SQL with its name. Values are passed beside it, never in it. */
export interface Statement {
  /**
   * Unique; PostgreSQL prepares it once per connection under this name. Empty: prepared each time.
   */
  readonly name: string;
  readonly text: string;
  /** Whether running it twice has the effect of running it once. */
  readonly repeatable: boolean;
}

/** A statement that changes nothing, or nothing more the second time. */
export function repeatable(name: string, text: string): Statement {
  return { name, text, repeatable: true };
}

/**
 * A statement that changes nothing and whose best plan depends on its values: planned each time,
 * where one plan for all values would read the whole history for some.
 */
export function replanned(text: string): Statement {
  return { name: '', text, repeatable: true };
}

/** A statement that must not run twice. */
export function once(name: string, text: string): Statement {
  return { name, text, repeatable: false };
}

/** What runs statements: the pool, or one transaction. */
export interface Queryable {
  query<Row extends object>(statement: Statement, values?: readonly unknown[]): Promise<Row[]>;
}
