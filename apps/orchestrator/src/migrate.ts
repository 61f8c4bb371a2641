// The program "migrate": brings the schema of the database up to date and says what it ran.
import { createLogger } from '@rivet/base';
import { checkSchema, createDatabase, migrate } from '@rivet/store';
import { readConfig } from './config.ts';
import { announce, runToExit } from './exit.ts';

await runToExit(async () => {
  const { databaseUrl, logLevel } = readConfig(process.env);
  const logger = createLogger({ name: 'migrate', level: logLevel });
  const database = createDatabase({
    url: databaseUrl,
    applicationName: 'rivet-migrate',
    logger,
  });
  try {
    const migrations = await migrate(database);
    await checkSchema(database);
    announce({ event: 'migrated', migrations });
  } finally {
    await database.close();
  }
});
