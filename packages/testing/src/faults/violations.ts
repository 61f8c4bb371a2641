// Looks for broken invariants in the database of an installation that a test has tortured.
import { silentLogger } from '@rivet/base';
import { createDatabase, findViolations } from '@rivet/store';

/** One sentence for each; see `findViolations` of the store. */
export async function violationsIn(databaseUrl: string): Promise<string[]> {
  const database = createDatabase({
    url: databaseUrl,
    applicationName: 'rivet-test',
    logger: silentLogger,
  });
  try {
    return await findViolations(database);
  } finally {
    await database.close();
  }
}
