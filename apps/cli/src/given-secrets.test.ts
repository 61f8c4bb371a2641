// Where the secrets of a run come from, and what is refused.
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PipelineDefinition } from '@rivet/protocol';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CommandContext } from './command.ts';
import { collectSecrets } from './given-secrets.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rivet-secrets-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const definition = { secrets: ['NPM_TOKEN', 'SSH_KEY'] } as unknown as PipelineDefinition;

async function collect(
  secret: string[],
  options: {
    secretsFile?: string;
    env?: Record<string, string>;
    pipeline?: PipelineDefinition;
  } = {},
) {
  const env = { RIVET_CONFIG: join(directory, 'config'), ...options.env };
  const context = { env, cwd: directory } as unknown as CommandContext;
  const given = { secret, secretsFile: options.secretsFile };
  return Object.fromEntries(await collectSecrets(options.pipeline ?? definition, given, context));
}

async function put(name: string, content: string, mode = 0o600): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, content);
  await chmod(path, mode);
  return path;
}

describe('secrets of a run', () => {
  it('come from variables, from files as they are, and from a file with all', async () => {
    await put('key', 'line 1\nline 2\n');
    await put('all.json', '{"NPM_TOKEN": "from the file", "SSH_KEY": "too", "OF_OTHERS": "x"}');
    const secrets = await collect(['NPM_TOKEN', 'SSH_KEY=@key'], {
      env: { NPM_TOKEN: 'from the variable' },
      secretsFile: 'all.json',
    });
    expect(secrets).toEqual({
      NPM_TOKEN: 'from the variable',
      SSH_KEY: 'line 1\nline 2\n',
      OF_OTHERS: 'x',
    });
  });

  it.each([
    ['token\n', 'token'],
    ['token\r\n', 'token'],
    ['token', 'token'],
    ['-----BEGIN\nEND-----\n', '-----BEGIN\nEND-----\n'],
  ])(
    'from a file with %j are %j: the line end of a single line does not count',
    async (text, secret) => {
      await put('key', text);
      expect(await collect(['SSH_KEY=@key'])).toEqual({ SSH_KEY: secret });
    },
  );

  it('come from secrets.json beside the configuration when nothing is named', async () => {
    expect(await collect([])).toEqual({});
    await put('secrets.json', '{"NPM_TOKEN": "mine"}');
    expect(await collect([])).toEqual({ NPM_TOKEN: 'mine' });
  });

  it.each([
    [['NPM_TOKEN'], /the environment variable NPM_TOKEN is not set/],
    [['NPM_TOKEN=hunter2'], /holds the value itself, which others on this machine can see/],
    [['NPM_TOKEN='], /holds the value itself/],
    [['SSH_KEY=@missing'], /missing: it does not exist/],
    [['NPM_TOKE=@all.json'], /declares no secret of that name; did you mean "NPM_TOKEN"/],
  ])('%j is refused', async (given, message) => {
    await put('all.json', '{}');
    const refused = await collect(given).catch((error: unknown) => error);
    expect(refused).toMatchObject({ message: expect.stringMatching(message) });
    expect(JSON.stringify(refused)).not.toContain('hunter2');
  });

  it('says so when the pipeline reads none', async () => {
    const pipeline = { secrets: [] } as unknown as PipelineDefinition;
    await put('key', 'x');
    await expect(collect(['KEY=@key'], { pipeline })).rejects.toMatchObject({
      details: { hint: expect.stringContaining('secrets = { "KEY" }') },
    });
  });

  it.each([
    ['{"A": "s3cr3t-in-file", ', /is not JSON; expected one JSON object/],
    ['["s3cr3t-in-file"]', /expected one JSON object/],
    ['{"A": {"b": "s3cr3t-in-file"}}', /the value of "A" is no text/],
  ])('a file with %s is refused and not quoted', async (content, message) => {
    await put('all.json', content);
    const refused = await collect([], { secretsFile: 'all.json' }).catch((error: unknown) => error);
    expect(refused).toMatchObject({
      code: 'RIVET_CLI_SECRETS_FILE_INVALID',
      message: expect.stringMatching(message),
    });
    expect(String((refused as Error).message)).not.toContain('s3cr3t');
  });

  it.each([0o644, 0o640, 0o604])('a file of mode %o is refused', async (mode) => {
    await put('all.json', '{}', mode);
    await put('secrets.json', '{}', mode);
    const refusal = { message: expect.stringMatching(/its mode is 06\d\d, .*chmod 600/) };
    await expect(collect([], { secretsFile: 'all.json' })).rejects.toMatchObject(refusal);
    await expect(collect([])).rejects.toMatchObject(refusal);
  });

  it('a file that was named has to be there', async () => {
    await expect(collect([], { secretsFile: 'none.json' })).rejects.toMatchObject({
      message: expect.stringMatching(/none\.json: it does not exist/),
    });
  });
});
