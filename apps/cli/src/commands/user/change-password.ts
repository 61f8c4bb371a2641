// `rivet user change-password`: one's own password.
import { RivetError } from '@rivet/base';
import type { SessionTokens } from '@rivet/protocol';
import { askNewPassword, askSecret, readPasswordLines } from '../../ask.ts';
import { type CommandContext, defineCommand, flag } from '../../command.ts';
import { changeConfigFile } from '../../config-file.ts';
import { chooseServer } from '../../contexts.ts';
import { storedTokens } from '../../credentials.ts';
import { exitCodes } from '../../exit-codes.ts';
import { openClient, serverOptions } from '../../server.ts';

export const userChangePassword = defineCommand({
  details: 'Your other sessions end; this one goes on.',
  examples: [
    { command: 'rivet user change-password', what: 'Asks for the old and the new one' },
    {
      command: 'rivet user change-password --password-stdin < passwords',
      what: 'The old one in the first line, the new one in the second',
    },
  ],
  json: '`{changed: true}`',
  options: {
    ...serverOptions,
    passwordStdin: flag('Read the old and the new password from two lines of standard input'),
  },
  async run(context, _args, options) {
    const { output, interrupt } = context;
    const client = await openClient(context, options);
    const body = await passwords(context, options.passwordStdin);
    const { tokens } = await client.changePassword({ body, signal: interrupt.signal });
    if (tokens !== null) await keepTokens(context, options, tokens);
    if (options.json) output.json({ changed: true });
    else output.line('Your password is changed; your other sessions have ended');
    return exitCodes.success;
  },
});

async function passwords(
  context: CommandContext,
  fromStdin: boolean,
): Promise<{ password: string; new_password: string }> {
  if (!fromStdin) {
    const password = await askSecret(context, 'Your password now', '--password-stdin');
    const changed = await askNewPassword(context, 'Your new password', '--password-stdin');
    return { password, new_password: changed };
  }
  const [password, changed] = await readPasswordLines();
  if (password !== undefined && changed !== undefined) return { password, new_password: changed };
  throw RivetError.of('RIVET_USAGE', {
    problem: 'standard input has one line; --password-stdin expects two here',
    hint: 'The old password in the first line, the new one in the second.',
  });
}

/** The session that the request came with has a successor. */
async function keepTokens(
  { env }: CommandContext,
  options: { url: string | undefined; context: string | undefined },
  tokens: SessionTokens,
): Promise<void> {
  const { stored } = await chooseServer(env, options);
  // With RIVET_TOKEN it was another session than the one that the file keeps.
  if (stored === undefined || (env.RIVET_TOKEN ?? '') !== '') return;
  await changeConfigFile(env, (file) => {
    const now = file.contexts.get(stored.name) ?? stored.context;
    const changed = { ...now, ...storedTokens(tokens) };
    return { ...file, contexts: new Map([...file.contexts, [stored.name, changed]]) };
  });
}
