// Collects the secrets of a run: from variables, files, and a file with all of them.
import { readFile, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { describeThrown, didYouMean, RivetError } from '@rivet/base';
import type { PipelineDefinition } from '@rivet/protocol';
import type { CommandContext } from './command.ts';
import { configPath } from './config-file.ts';

/** What was typed: `--secret` as it is, and the path of `--secrets-file`. */
export interface GivenSecrets {
  readonly secret: readonly string[];
  readonly secretsFile: string | undefined;
}

/**
 * The values by name. What `--secret` names wins over the file; without `--secrets-file` that is
 * `secrets.json` beside the configuration file, where there is one.
 * @throws RIVET_USAGE, RIVET_CLI_SECRETS_FILE_INVALID
 */
export async function collectSecrets(
  definition: PipelineDefinition,
  given: GivenSecrets,
  context: CommandContext,
): Promise<ReadonlyMap<string, string>> {
  const values = await readSecretsFile(given.secretsFile, context);
  for (const each of given.secret) {
    const [name, value] = await readSecret(each, context);
    if (!definition.secrets.includes(name)) throw undeclared(name, definition);
    values.set(name, value);
  }
  return values;
}

/** `NAME` is the variable of that name, `NAME=@FILE` the content of a file. */
async function readSecret(
  given: string,
  { env, cwd }: CommandContext,
): Promise<readonly [name: string, value: string]> {
  const at = given.indexOf('=');
  if (at === -1) {
    const value = env[given];
    if (value !== undefined && value !== '') return [given, value];
    throw RivetError.of('RIVET_USAGE', {
      problem: `--secret ${given}: the environment variable ${given} is not set`,
      hint: `Set it, for example: ${given}=$(pass show token) rivet run …, or read a file: --secret ${given}=@FILE`,
    });
  }
  const name = given.slice(0, at);
  if (given[at + 1] !== '@') {
    throw RivetError.of('RIVET_USAGE', {
      // The value is not shown: it is a secret.
      problem: `--secret ${name}=… holds the value itself, which others on this machine can see`,
      hint: `Put it into a variable (--secret ${name}) or a file (--secret ${name}=@FILE).`,
    });
  }
  const path = resolve(cwd, given.slice(at + 2));
  try {
    return [name, withoutLineEnd(await readFile(path, 'utf8'))];
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const problem = code === 'ENOENT' ? 'it does not exist' : describeThrown(error);
    throw RivetError.of('RIVET_CLI_SECRETS_FILE_INVALID', { path, problem }, error);
  }
}

/** A token in a file has a line end that is no part of it; a key of several lines needs its last. */
function withoutLineEnd(text: string): string {
  return /^[^\r\n]*\r?\n$/.test(text) ? text.trimEnd() : text;
}

function undeclared(name: string, { secrets }: PipelineDefinition): RivetError {
  return RivetError.of('RIVET_USAGE', {
    problem: `--secret ${name}: the pipeline declares no secret of that name${didYouMean(name, secrets)}`,
    hint:
      secrets.length === 0
        ? `It reads none; declare it in the pipeline: secrets = { "${name}" }`
        : `It reads ${secrets.join(', ')}.`,
  });
}

async function readSecretsFile(
  given: string | undefined,
  { env, cwd }: CommandContext,
): Promise<Map<string, string>> {
  const path =
    given === undefined ? join(dirname(configPath(env)), 'secrets.json') : resolve(cwd, given);
  const invalid = (problem: string, cause?: unknown): RivetError =>
    RivetError.of('RIVET_CLI_SECRETS_FILE_INVALID', { path, problem }, cause);
  let text: string;
  try {
    const { mode } = await stat(path);
    if ((mode & 0o077) !== 0) {
      const found = (mode & 0o777).toString(8).padStart(4, '0');
      throw invalid(`its mode is ${found}, so other users may read it; make it 0600: chmod 600 it`);
    }
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof RivetError) throw error;
    const missing = ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '');
    if (missing && given === undefined) return new Map();
    throw invalid(missing ? 'it does not exist' : describeThrown(error), error);
  }
  return parseSecrets(text, invalid);
}

/** Messages of the JSON parser quote the text, so they are not passed on. */
function parseSecrets(text: string, invalid: (problem: string) => RivetError): Map<string, string> {
  const expected = 'expected one JSON object such as {"NPM_TOKEN": "…"}';
  let value: unknown;
  try {
    value = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch {
    throw invalid(`it is not JSON; ${expected}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(expected);
  const entries = Object.entries(value).map(([name, secret]): [string, string] => {
    if (typeof secret === 'string') return [name, secret];
    throw invalid(`the value of "${name}" is no text; ${expected}`);
  });
  return new Map(entries);
}
