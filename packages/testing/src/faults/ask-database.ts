// One statement for a database server that a test plays with.
import { silentLogger } from '@rivet/base';
import { createDatabase } from '@rivet/store';

/** Sends one statement over a connection of its own. */
export async function askDatabase<Row extends object>(url: string, text: string): Promise<Row[]> {
  const database = createDatabase({ url, applicationName: 'rivet-test', logger: silentLogger });
  try {
    const client = await database.connect();
    try {
      return (await client.query<Row>(text)).rows;
    } finally {
      await client.end();
    }
  } finally {
    await database.close();
  }
}
