// `rivet migrate`: brings the database to the version of this installation.
import { defineCommand, text } from '../command.ts';
import { startProgram } from '../start-program.ts';

export const migrate = defineCommand({
  details: 'Safe to start several times at once: one migrates, the others wait.',
  examples: [
    {
      command: 'DATABASE_URL=postgres://rivet@localhost/rivet rivet migrate',
      what: 'Before the first start, and after every update',
    },
  ],
  options: {
    database: text('URL', 'PostgreSQL; DATABASE_URL when absent (arguments show in process lists)'),
  },
  run: (context, _args, options) =>
    startProgram(
      'migrate',
      options.database === undefined ? {} : { DATABASE_URL: options.database },
      context,
    ),
});
