// A database of its own for each test file, cloned from a template that has the schema.
import { randomBytes } from 'node:crypto';
import { createFromTemplate, dropDatabase } from '@rivet/store';
import { afterAll, beforeAll, inject } from 'vitest';

export interface TestDatabase {
  readonly url: string;
  /** Of the database `postgres` on the same server. */
  readonly adminUrl: string;
  /** Removes it, cutting its connections. */
  drop(): Promise<void>;
}

/** Makes a database with the current schema and nothing in it. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const { adminUrl, template } = inject('rivetDatabase');
  const name = `test_${randomBytes(8).toString('hex')}`;
  const url = await createFromTemplate(adminUrl, name, template);
  return { url, adminUrl, drop: () => dropDatabase(adminUrl, name) };
}

/** For the top of a test file: the database is there from `beforeAll` to `afterAll`. */
export function useTestDatabase(): { readonly url: string; readonly adminUrl: string } {
  let database: TestDatabase | undefined;
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(async () => {
    await database?.drop();
  });
  const current = (): TestDatabase => {
    if (database === undefined) throw new Error('the test database is there from beforeAll on');
    return database;
  };
  return {
    get url() {
      return current().url;
    },
    get adminUrl() {
      return current().adminUrl;
    },
  };
}
