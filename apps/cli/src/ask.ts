// Asks for names and passwords at a terminal, or takes passwords from standard input.
import * as clack from '@clack/prompts';
import { RivetError } from '@rivet/base';
import type { CommandContext } from './command.ts';

/** Far more than a password may have; whoever sends more has mistaken the file. */
const STDIN_BYTES_MAX = 8192;

/**
 * Asks for one line of text, until there is some.
 * @param option what to give in place of an answer, for who cannot be asked
 * @throws RIVET_USAGE where nobody can be asked, RIVET_INTERRUPTED on Ctrl-C
 */
export async function askText(
  context: CommandContext,
  message: string,
  option: string,
): Promise<string> {
  requireSomebody(context, option);
  for (;;) {
    const answer = await clack.text({ message, ...common(context) });
    const text = answered(answer).trim();
    if (text !== '') return text;
  }
}

/**
 * Asks for a secret, which is not shown.
 * @throws RIVET_USAGE where nobody can be asked, RIVET_INTERRUPTED on Ctrl-C
 */
export async function askSecret(
  context: CommandContext,
  message: string,
  option: string,
): Promise<string> {
  requireSomebody(context, option);
  for (;;) {
    const answer = answered(await clack.password({ message, ...common(context) }));
    if (answer !== '') return answer;
  }
}

/** Asks for a password that is to be set, twice. */
export async function askNewPassword(
  context: CommandContext,
  message: string,
  option: string,
): Promise<string> {
  for (;;) {
    const first = await askSecret(context, message, option);
    const second = await askSecret(context, 'Once more', option);
    if (first === second) return first;
    clack.log.error('The two are different.', { output: process.stderr });
  }
}

/**
 * The lines of standard input, for `--password-stdin`; a line end at the end is no line more.
 * @throws RIVET_USAGE when there is nothing, or too much
 */
export async function readPasswordLines(): Promise<readonly string[]> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of process.stdin) {
    bytes += (chunk as Buffer).length;
    if (bytes > STDIN_BYTES_MAX) break;
    chunks.push(chunk as Buffer);
  }
  const text = Buffer.concat(chunks).toString('utf8');
  if (text !== '' && bytes <= STDIN_BYTES_MAX) return text.replace(/\r?\n$/, '').split(/\r?\n/);
  throw RivetError.of('RIVET_USAGE', {
    problem: `standard input has ${text === '' ? 'nothing in it' : 'more than 8 KB'}; --password-stdin expects a password`,
    hint: 'For example: pass show rivet | rivet login --name ada --password-stdin',
  });
}

function requireSomebody({ interactive }: CommandContext, option: string): void {
  if (interactive) return;
  throw RivetError.of('RIVET_USAGE', {
    problem: 'there is no terminal at which to ask',
    hint: `Give ${option}.`,
  });
}

function common({ interrupt }: CommandContext): {
  signal: AbortSignal;
  output: typeof process.stderr;
} {
  return { signal: interrupt.signal, output: process.stderr };
}

/** Enter on an empty line gives undefined, whatever the types say. */
function answered(value: string | undefined | typeof clack.CANCEL_SYMBOL): string {
  if (clack.isCancel(value)) throw RivetError.of('RIVET_INTERRUPTED', { by: 'Ctrl-C' });
  return value ?? '';
}
