// `rivet restore`: puts a backup into an empty database.
import { resolve } from 'node:path';
import { defineCommand, required } from '../command.ts';
import { databaseOption, databaseSettings } from '../database-option.ts';
import { startProgram } from '../start-program.ts';

export const restore = defineCommand({
  details: [
    'The database must be new. All of the backup is in it afterwards, or nothing. A backup of an older version is',
    'brought to this one. Whoever still works on the database of before is refused in the new one: jobs that ran when',
    'the backup was made count as lost and go on as their pipelines say, everybody signs in again.',
    'Stop all orchestrators before, and read docs/operating/backup.md.',
  ].join('\n'),
  examples: [
    {
      command:
        'createdb rivet2 && DATABASE_URL=postgres://rivet@localhost/rivet2 rivet restore rivet-monday.backup',
      what: 'Then start the orchestrators with the same URL and the same master key',
    },
  ],
  arguments: { file: required('What `rivet backup` has written') },
  options: {
    database: databaseOption,
  },
  run: (context, { file }, { database }) =>
    startProgram('backup', databaseSettings(database), context, [
      'restore',
      resolve(context.cwd, file),
    ]),
});
