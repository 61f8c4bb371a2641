// Makes and drops whole databases: for tests and benchmarks, which have one each.
import { silentLogger } from '@rivet/base';
import { Client } from 'pg';
import { createDatabase } from './database.ts';
import { migrate } from './migrator.ts';

/**
 * Makes a database from a template and returns its URL.
 * @param adminUrl of a database on the same server, by a user who may make databases
 * @param name [a-z0-9_]+
 */
export async function createFromTemplate(
  adminUrl: string,
  name: string,
  template: string,
): Promise<string> {
  await administer(adminUrl, async (client) => {
    const names = [client.escapeIdentifier(name), client.escapeIdentifier(template)];
    await client.query(`CREATE DATABASE ${names[0]} TEMPLATE ${names[1]}`);
  });
  return databaseUrl(adminUrl, name);
}

/** Makes a database with the current schema, to be used as a template. */
export async function createTemplate(adminUrl: string, name: string): Promise<void> {
  const url = await createFromTemplate(adminUrl, name, 'template0');
  const database = createDatabase({ url, applicationName: 'rivet-template', logger: silentLogger });
  try {
    await migrate(database);
  } finally {
    await database.close();
  }
}

/** Drops a database, cutting its connections. */
export async function dropDatabase(adminUrl: string, name: string): Promise<void> {
  await administer(adminUrl, async (client) => {
    await client.query(`DROP DATABASE IF EXISTS ${client.escapeIdentifier(name)} WITH (FORCE)`);
  });
}

function databaseUrl(adminUrl: string, name: string): string {
  const url = new URL(adminUrl);
  url.pathname = `/${name}`;
  return url.href;
}

async function administer(url: string, action: (client: Client) => Promise<void>): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await action(client);
  } finally {
    await client.end();
  }
}
