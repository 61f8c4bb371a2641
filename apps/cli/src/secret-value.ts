// Where `rivet secret set` takes a value from: everything but the command line, which others see.
import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import { describeThrown, RivetError, SecretText } from '@rivet/base';
import { askSecret } from './ask.ts';
import type { CommandContext } from './command.ts';

export interface SecretValueOptions {
  /** Path of a file; `-` is standard input. */
  readonly file: string | undefined;
  /** Name of an environment variable. */
  readonly env: string | undefined;
}

/** Beyond what a secret may have; the server says the limit. */
const BYTES_MAX = 128 * 1024;

/**
 * The value, without the line end of a single line.
 * @throws RIVET_USAGE, RIVET_INTERRUPTED
 */
export async function readSecretValue(
  name: string,
  { file, env }: SecretValueOptions,
  context: CommandContext,
): Promise<SecretText> {
  if (env !== undefined && file !== undefined) {
    throw RivetError.of('RIVET_USAGE', {
      problem: '--file and --env are both given',
      hint: 'Give one of them.',
    });
  }
  if (env !== undefined) return fromVariable(env, context);
  if (file !== undefined && file !== '-') return new SecretText(await readText(file, context));
  if (file === undefined && context.interactive) {
    return new SecretText(await askSecret(context, `Value of ${name}`, '--file or --env'));
  }
  return new SecretText(decode(await readStandardInput(), 'standard input'));
}

function fromVariable(name: string, context: CommandContext): SecretText {
  const value = context.env[name];
  if (value !== undefined && value !== '') return new SecretText(value);
  throw RivetError.of('RIVET_USAGE', {
    problem: `--env ${name}: the environment variable ${name} is not set`,
    hint: `Set it for this command, for example: ${name}=$(pass show token) rivet secret set …`,
  });
}

async function readText(given: string, { cwd }: CommandContext): Promise<string> {
  const path = resolve(cwd, given);
  try {
    const file = await open(path);
    try {
      const { size } = await file.stat();
      if (size > BYTES_MAX) throw new Error(`it has ${size} bytes`);
      return decode(await file.readFile(), path);
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof RivetError) throw error;
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    const problem = missing ? 'it does not exist' : describeThrown(error);
    throw RivetError.of('RIVET_USAGE', {
      problem: `--file ${path}: ${problem}`,
      hint: 'Name a file with the value and nothing else in it.',
    });
  }
}

async function readStandardInput(): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of process.stdin) {
    bytes += (chunk as Buffer).length;
    if (bytes > BYTES_MAX) break;
    chunks.push(chunk as Buffer);
  }
  if (bytes > 0 && bytes <= BYTES_MAX) return Buffer.concat(chunks);
  throw RivetError.of('RIVET_USAGE', {
    problem: `standard input has ${bytes === 0 ? 'nothing in it' : 'more than 128 KB'}; expected the value`,
    hint: 'For example: pass show npm | rivet secret set NPM_TOKEN',
  });
}

/** A token in a file has a line end that is no part of it; a key of many lines needs its last. */
function decode(bytes: Buffer, source: string): string {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw RivetError.of('RIVET_USAGE', {
      problem: `${source} is no text in UTF-8`,
      hint: 'Store bytes in base64, and decode them in the pipeline.',
    });
  }
  return /^[^\r\n]*\r?\n$/.test(text) ? text.replace(/\r?\n$/, '') : text;
}
