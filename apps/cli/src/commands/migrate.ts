// `rivet migrate`: brings the database to the version of this installation; makes an administrator.
import { RivetError } from '@rivet/base';
import { startProcess } from '@rivet/processes';
import { askNewPassword, readPasswordLines } from '../ask.ts';
import { type CommandContext, defineCommand, flag, text } from '../command.ts';
import { databaseOption, databaseSettings } from '../database-option.ts';
import { describeEnd } from '../guarded-program.ts';
import { entryOf } from '../installation.ts';
import { startProgram } from '../start-program.ts';

export const migrate = defineCommand({
  details: [
    'Safe to start several times at once: one migrates, the others wait.',
    '',
    'With --admin it also makes an administrator of that name, or gives the one that there is this password, the role',
    'and access again: for the first one, and for when the last one has lost the password. It needs the settings of the',
    'orchestrator, the master key too. The password is asked for or read from standard input, never taken from the',
    'command line.',
  ].join('\n'),
  examples: [
    {
      command: 'DATABASE_URL=postgres://rivet@localhost/rivet rivet migrate',
      what: 'Before the first start, and after every update',
    },
    { command: 'rivet migrate --admin ada', what: 'Asks for the password of the administrator' },
    {
      command: 'pass show rivet | rivet migrate --admin ada --password-stdin',
      what: 'From a password store',
    },
  ],
  options: {
    database: databaseOption,
    admin: text('NAME', 'Make this administrator, or give the one of that name another password'),
    passwordStdin: flag('With --admin: read the password from standard input'),
  },
  async run(context, _args, { database, admin, passwordStdin }) {
    const env = databaseSettings(database);
    if (admin !== undefined) {
      const password = passwordStdin
        ? ((await readPasswordLines())[0] ?? '')
        : await askNewPassword(context, `A password for ${admin}`, '--password-stdin');
      return migrateWithAdministrator(context, env, admin, password);
    }
    if (!passwordStdin) return startProgram('migrate', env, context);
    throw RivetError.of('RIVET_USAGE', {
      problem: '--password-stdin goes with --admin NAME',
      hint: 'Say whose password it is.',
    });
  },
});

/** The password goes through a pipe: neither arguments nor environment of a process show it. */
async function migrateWithAdministrator(
  context: CommandContext,
  env: Readonly<Record<string, string | undefined>>,
  admin: string,
  password: string,
): Promise<number> {
  const child = startProcess({
    file: process.execPath,
    args: [entryOf('migrate', context.env), '--admin', admin],
    env: { ...context.env, ...env },
    stdin: 'pipe',
    stdout: 'inherit',
    stderr: 'inherit',
  });
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(`${password}\n`);
  const stop = (): void => void child.kill('SIGTERM');
  context.interrupt.signal.addEventListener('abort', stop, { once: true });
  const exit = await child.exit;
  if (exit.code !== null) return exit.code;
  throw RivetError.of('RIVET_CLI_PROGRAM_ENDED', { program: 'migrate', how: describeEnd(exit) });
}
