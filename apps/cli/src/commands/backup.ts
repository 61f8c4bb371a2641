// `rivet backup`: writes all that is in the database to a file.
import { resolve } from 'node:path';
import { defineCommand, flag, required } from '../command.ts';
import { databaseOption, databaseSettings } from '../database-option.ts';
import { startProgram } from '../start-program.ts';

export const backup = defineCommand({
  details: [
    'One moment of the whole database, while everybody goes on working. The file is compressed, has sums over all that',
    'it holds, and can be read by its owner only. Secrets in it are sealed: without the master key, which is not in it,',
    'they are lost. docs/operating/backup.md says what to keep besides, and how to restore.',
  ].join('\n'),
  examples: [
    {
      command: 'DATABASE_URL=postgres://rivet@localhost/rivet rivet backup rivet-monday.backup',
      what: 'Needs no orchestrator',
    },
    {
      command: 'rivet backup --check rivet-monday.backup',
      what: 'Whether the file is whole; needs no database',
    },
  ],
  arguments: { file: required('Where to write it; never replaces a file') },
  options: {
    check: flag('Write nothing: read the file to its end and hold it against its sums'),
    database: databaseOption,
  },
  run: (context, { file }, { check, database }) =>
    startProgram('backup', databaseSettings(database), context, [
      check ? 'check' : 'create',
      resolve(context.cwd, file),
    ]),
});
