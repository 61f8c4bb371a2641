// `rivet orchestrator start`: starts an orchestrator in the foreground.
import { defineCommand, text } from '../../command.ts';
import { startProgram } from '../../start-program.ts';

export const orchestratorStart = defineCommand({
  details: [
    'It holds no state: start as many as you like on one database. Until Rivet has authentication it listens on',
    'loopback addresses only. docs/operating.md lists the environment variables that set the rest.',
  ].join('\n'),
  examples: [
    {
      command: 'DATABASE_URL=postgres://rivet@localhost/rivet rivet orchestrator start',
      what: 'On an existing database; run "rivet migrate" first',
    },
    {
      command: 'rivet orchestrator start --listen 127.0.0.1:7451',
      what: 'A second one beside the first',
    },
  ],
  options: {
    listen: text('HOST:PORT', 'Address; RIVET_LISTEN or 127.0.0.1:7450 when absent'),
    database: text('URL', 'PostgreSQL; DATABASE_URL when absent (arguments show in process lists)'),
  },
  run: (context, _args, options) =>
    startProgram(
      'orchestrator',
      {
        ...(options.listen === undefined ? {} : { RIVET_LISTEN: options.listen }),
        ...(options.database === undefined ? {} : { DATABASE_URL: options.database }),
      },
      context,
    ),
});
