// `rivet orchestrator start`: starts an orchestrator in the foreground.
import { resolve } from 'node:path';
import { defineCommand, text } from '../../command.ts';
import { databaseOption, databaseSettings } from '../../database-option.ts';
import { startProgram } from '../../start-program.ts';

export const orchestratorStart = defineCommand({
  details: [
    'It holds no state: start as many as you like on one database. On addresses that other machines reach it wants a',
    'certificate, or a proxy in front that has one: docs/operating/network.md. docs/operating.md lists the environment',
    'variables that set the rest.',
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
    {
      command:
        'rivet orchestrator start --listen 0.0.0.0:7450 --tls-cert rivet.pem --tls-key rivet.key',
      what: 'For other machines, with TLS',
    },
  ],
  options: {
    listen: text('HOST:PORT', 'Address; RIVET_LISTEN or 127.0.0.1:7450 when absent'),
    tlsCert: text('FILE', 'Certificate with its chain, PEM; RIVET_TLS_CERT'),
    tlsKey: text('FILE', 'Its key, PEM; RIVET_TLS_KEY'),
    database: databaseOption,
  },
  run: (context, _args, options) =>
    startProgram(
      'orchestrator',
      {
        ...(options.listen === undefined ? {} : { RIVET_LISTEN: options.listen }),
        ...(options.tlsCert === undefined
          ? {}
          : { RIVET_TLS_CERT: resolve(context.cwd, options.tlsCert) }),
        ...(options.tlsKey === undefined
          ? {}
          : { RIVET_TLS_KEY: resolve(context.cwd, options.tlsKey) }),
        ...databaseSettings(options.database),
      },
      context,
    ),
});
