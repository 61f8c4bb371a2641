// The providers "environment" and "file", and the settings of all three.
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readConfig } from '../../config.ts';
import type { SourceName } from './secret-source.ts';

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rivet-secret-files-'));
  await writeFile(join(directory, 'outside'), 'not for anybody');
  await mkdir(join(directory, 'secrets/..data'), { recursive: true });
  const file = (name: string) => join(directory, 'secrets', name);
  await writeFile(file('token'), 'the value\n');
  await writeFile(file('key.pem'), 'line 1\nline 2\n');
  await writeFile(file('spaces'), '  kept  \r\n');
  await writeFile(file('..data/mounted'), 'as mounted');
  await symlink('..data/mounted', file('mounted'));
  await symlink('../outside', file('escape'));
  await symlink('loop', file('loop'));
  await mkdir(file('directory'));
  await writeFile(file('bytes'), Buffer.of(0xff, 0xfe, 0x00));
  await writeFile(file('large'), 'x'.repeat(70_000));
});
afterAll(() => rm(directory, { recursive: true }));

function source(name: SourceName, env: Record<string, string>) {
  return readConfig({ DATABASE_URL: 'postgres://x@localhost/x', ...env }).secretSources.find(name);
}

describe('a file', () => {
  const read = (reference: string) =>
    source('file', { RIVET_SECRETS_DIRECTORY: join(directory, 'secrets') }).read(reference);

  it.each([
    ['token', 'the value'],
    ['key.pem', 'line 1\nline 2\n'],
    ['spaces', '  kept  '],
    ['mounted', 'as mounted'],
  ])('%s is given as it is meant', async (name, value) => {
    expect((await read(name))?.reveal()).toBe(value);
  });

  it('that is not there is no secret', async () => {
    expect(await read('none')).toBeUndefined();
  });

  it.each([
    ['escape', 'it is a link out of there'],
    ['loop', 'ELOOP'],
    ['directory', 'it is no regular file'],
    ['bytes', 'it is no text in UTF-8'],
    ['large', 'it has 70000 bytes'],
  ])('%s is refused', async (name, reason) => {
    await expect(read(name)).rejects.toMatchObject({
      code: 'RIVET_SECRET_PROVIDER_FAILED',
      message: expect.stringMatching(new RegExp(`${reason}$`)),
    });
  });

  it.each(['../outside', '/etc/passwd', 'a/b', '..', '.', '', '..data', 'a\0b', 'a\n', '-rf x'])(
    'named %j is none',
    async (name) => {
      await expect(read(name)).rejects.toMatchObject({ code: 'RIVET_SECRET_REFERENCE_INVALID' });
    },
  );
});

describe('a variable', () => {
  const env = {
    RIVET_SECRETS_ENV_PREFIX: 'CI_SECRET_',
    CI_SECRET_TOKEN: 'the value',
    CI_SECRET_: 'nothing',
    HOME: '/root',
    RIVET_MASTER_KEY: 'x',
  };

  it('with the prefix is given, and no other one', async () => {
    const { read } = source('environment', env);
    expect((await read('TOKEN'))?.reveal()).toBe('the value');
    for (const name of ['HOME', 'CI_SECRET_TOKEN', 'RIVET_MASTER_KEY', '__proto__']) {
      expect(await read(name)).toBeUndefined();
    }
    await expect(read('')).rejects.toMatchObject({ code: 'RIVET_SECRET_REFERENCE_INVALID' });
  });

  it.each(['RIVET_', 'RIVET_MASTER_', 'R', 'DATABASE_URL', '-x', 'PGPASS'])(
    'cannot have the prefix %s',
    (prefix) => {
      expect(() => source('environment', { RIVET_SECRETS_ENV_PREFIX: prefix })).toThrow(
        'RIVET_SECRETS_ENV_PREFIX is',
      );
    },
  );

  it('of Rivet itself is not reached by a prefix that is a part of it', async () => {
    const { read } = source('environment', { RIVET_SECRETS_ENV_PREFIX: 'DATABASE_' });
    expect(await read('URL')).toBeUndefined();
  });
});

describe('Vault', () => {
  const good = { RIVET_VAULT_ADDR: 'https://vault:8200', RIVET_VAULT_TOKEN: 'token' };

  it.each([
    [good],
    [{ ...good, RIVET_VAULT_ADDR: 'http://127.0.0.1:8200/' }],
    [
      {
        RIVET_VAULT_ADDR: 'https://vault:8200',
        RIVET_VAULT_ROLE_ID: 'a',
        RIVET_VAULT_SECRET_ID_FILE: '/run/id',
      },
    ],
  ])('is set up by %j', (env) => {
    expect(source('vault', env as Record<string, string>).name).toBe('vault');
  });

  it.each([
    [{ ...good, RIVET_VAULT_ADDR: 'http://vault:8200' }, /^RIVET_VAULT_ADDR is "http:/],
    [{ ...good, RIVET_VAULT_ADDR: 'vault:8200' }, /^RIVET_VAULT_ADDR is "vault/],
    [{ RIVET_VAULT_ADDR: 'https://vault' }, /without one way to sign in/],
    [{ ...good, RIVET_VAULT_ROLE_ID: 'a' }, /without one way to sign in/],
    [{ ...good, RIVET_VAULT_TOKEN_FILE: '/x' }, /^RIVET_VAULT_TOKEN is set, and so is/],
    [{ ...good, RIVET_VAULT_CA_FILE: '/no/such/ca' }, /^RIVET_VAULT_CA_FILE is "\/no/],
  ])('is not set up by %j', (env, message) => {
    expect(() => source('vault', env as Record<string, string>)).toThrow(message);
  });
});

it.each(['environment', 'file', 'vault'] as const)('%s is off unless it is set up', (name) => {
  expect(() => source(name, {})).toThrow(`the secrets provider ${name} is not set up`);
});
