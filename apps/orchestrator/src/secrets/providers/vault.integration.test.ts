// Reading from Vault: what it answers, what it refuses, and what becomes of each of its faults.
import { SecretText } from '@rivet/base';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FakeVault, startFakeVault, type VaultFault } from './fake-vault.ts';
import { parseVaultReference, vaultSource } from './vault.ts';
import type { VaultLimits, VaultOptions } from './vault-client.ts';

let vault: FakeVault;

beforeEach(async () => {
  vault = await startFakeVault();
  vault.tokens.add('root-token');
  vault.secrets.set('secret/ci/npm', { token: 'the value', number: 7, empty: '' });
});
afterEach(() => vault.close());

function source(changes: Partial<VaultOptions> = {}, limits?: VaultLimits) {
  const token = new SecretText('root-token');
  return vaultSource(
    {
      address: vault.address,
      namespace: undefined,
      ca: undefined,
      auth: { kind: 'token', token: async () => token },
      ...changes,
    },
    limits,
  );
}

function approle(secret = vault.role.secret): VaultOptions['auth'] {
  const secretId = async () => new SecretText(secret);
  return { kind: 'approle', mount: 'approle', roleId: vault.role.id, secretId };
}

const failure = (reason: string) => ({
  code: 'RIVET_SECRET_PROVIDER_FAILED',
  message: `the secrets provider vault did not give "secret/ci/npm#token": ${reason}`,
});

it('gives a field of a secret of KV version 2', async () => {
  expect((await source().read('secret/ci/npm#token'))?.reveal()).toBe('the value');
  expect(vault.requests).toEqual([
    { line: 'GET /v1/secret/data/ci/npm', namespace: undefined, token: 'root-token' },
  ]);
});

it('names its namespace, and takes mounts with slashes', async () => {
  vault.secrets.set('teams/ci/x y', { a: 'in a namespace' });
  const value = await source({ namespace: 'team/one' }).read('teams/ci::x y#a');
  expect(value?.reveal()).toBe('in a namespace');
  expect(vault.requests[0]).toMatchObject({
    line: 'GET /v1/teams/ci/data/x%20y',
    namespace: 'team/one',
  });
});

it('has nothing where there is no path, no field, or a deleted version', async () => {
  vault.secrets.set('secret/deleted', null);
  const { read } = source();
  expect(await read('secret/none#token')).toBeUndefined();
  expect(await read('secret/ci/npm#none')).toBeUndefined();
  expect(await read('secret/ci/npm#toString')).toBeUndefined();
  expect(await read('secret/deleted#token')).toBeUndefined();
});

it('refuses a field that is no text', async () => {
  await expect(source().read('secret/ci/npm#number')).rejects.toMatchObject({
    message: expect.stringMatching(/the field is no text$/),
  });
});

describe('with an AppRole', () => {
  it('signs in once, and reads with the token that it got', async () => {
    const { read } = source({ auth: approle() });
    await read('secret/ci/npm#token');
    await read('secret/ci/npm#none');
    expect(vault.requests.map(({ line }) => line)).toEqual([
      'POST /v1/auth/approle/login',
      'GET /v1/secret/data/ci/npm',
      'GET /v1/secret/data/ci/npm',
    ]);
  });

  it('signs in once for reads that begin together', async () => {
    const { read } = source({ auth: approle() });
    await Promise.all(['a', 'b', 'c'].map((field) => read(`secret/ci/npm#${field}`)));
    expect(vault.requests.filter(({ line }) => line.startsWith('POST'))).toHaveLength(1);
  });

  it('signs in anew when the token has ended, and when it was revoked', async () => {
    vault.role.leaseSeconds = 1e-6;
    const { read } = source({ auth: approle() });
    await read('secret/ci/npm#token');
    vault.role.leaseSeconds = 3600;
    await read('secret/ci/npm#a');
    vault.tokens.clear();
    expect(await read('secret/ci/npm#b')).toBeUndefined();
    expect(vault.requests.filter(({ line }) => line.startsWith('POST'))).toHaveLength(3);
  });

  it('signs in once for reads that begin together with a token that was revoked', async () => {
    const { read } = source({ auth: approle() });
    await read('secret/ci/npm#a');
    vault.tokens.clear();
    const fields = ['b', 'c', 'd', 'e', 'token'];
    const values = await Promise.all(fields.map((field) => read(`secret/ci/npm#${field}`)));
    expect(values.at(-1)?.reveal()).toBe('the value');
    expect(vault.requests.filter(({ line }) => line.startsWith('POST'))).toHaveLength(2);
  });

  it('says that its ids are refused, without naming them', async () => {
    await expect(
      source({ auth: approle('wrong-id') }).read('secret/ci/npm#token'),
    ).rejects.toMatchObject(failure('it refused the role id or secret id of Rivet (400)'));
  });
});

describe('a fault', () => {
  const sealed: VaultFault = { status: 503, body: '{"errors":["Vault is sealed"]}' };
  it.each([
    [[{ status: 403 }], 'its policy does not let Rivet read secret/ci/npm'],
    [[{ status: 400 }], 'secret is no KV engine of version 2, or no mount'],
    [[sealed, sealed, sealed, sealed], 'it is sealed, or under maintenance (503)'],
    [Array.from({ length: 4 }, () => ({ status: 429 })), 'it has too much to do (429)'],
    [Array.from({ length: 4 }, () => ({ status: 500 })), 'it answered 500'],
    [[{ status: 200, body: '<html>' }], undefined],
    [[{ status: 200, body: '{"data":{"token":"x"}}' }], 'secret is no KV engine of version 2'],
    [[{ status: 418 }], 'it answered 418'],
  ] as [VaultFault[], string | undefined][])('%j ends as what it means', async (faults, reason) => {
    vault.faults.push(...faults, ...faults, ...faults, ...faults);
    const said = reason ?? 'its answer is no JSON: is this the address of Vault?';
    await expect(source().read('secret/ci/npm#token')).rejects.toMatchObject(failure(said));
  });

  it('that passes is not told of', async () => {
    vault.faults.push({ status: 429 }, { status: 412 }, { status: 503 });
    expect((await source().read('secret/ci/npm#token'))?.reveal()).toBe('the value');
    expect(vault.requests).toHaveLength(4);
  });

  it('of a Vault that is silent ends in time, and a request that got lost is sent again', async () => {
    vault.faults.push({ status: 0, silent: true });
    const { read } = source({}, { requestMs: 50, readMs: 5000 });
    expect((await read('secret/ci/npm#token'))?.reveal()).toBe('the value');
    vault.faults.push(...Array.from({ length: 9 }, () => ({ status: 0, silent: true as const })));
    await expect(
      source({}, { requestMs: 40, readMs: 100 }).read('secret/ci/npm#token'),
    ).rejects.toMatchObject(failure('it gave no answer within 0.1 seconds'));
  });

  it('that leads elsewhere is not followed: the token stays', async () => {
    const other = await startFakeVault();
    const headers = { location: `${other.address}/v1/secret/data/ci/npm` };
    vault.faults.push({ status: 307, headers });
    await expect(source().read('secret/ci/npm#token')).rejects.toMatchObject({
      message: expect.stringContaining('it answered 307, which leads to another address'),
    });
    expect(other.requests).toEqual([]);
    await other.close();
  });

  it('of the connection says what it is', async () => {
    const gone = await startFakeVault();
    await gone.close();
    await expect(
      source({ address: gone.address }).read('secret/ci/npm#token'),
    ).rejects.toMatchObject({
      message: expect.stringMatching(/it cannot be reached: .*ECONNREFUSED/),
    });
  });

  it('never shows a token or a value', async () => {
    vault.faults.push({ status: 418, body: '{"errors":["root-token the value"]}' });
    const error = await source()
      .read('secret/ci/npm#token')
      .catch((thrown: Error) => thrown);
    expect(`${error} ${JSON.stringify(error)}`).not.toMatch(/root-token|the value/);
  });
});

it('asks once for jobs that begin together, and again after what failed', async () => {
  const { read } = source();
  await Promise.all(Array.from({ length: 20 }, () => read('secret/ci/npm#token')));
  expect(vault.requests).toHaveLength(1);
  vault.faults.push({ status: 418 });
  await expect(read('secret/ci/npm#none')).rejects.toThrow();
  expect(await read('secret/ci/npm#none')).toBeUndefined();
});

it.each([
  'secret',
  'secret#a',
  'secret/#a',
  '/a#b',
  'secret/a',
  'secret/a#',
  'secret/../sys/seal#a',
  'secret/a/./b#c',
  'secret/a//b#c',
  'a/../b::c#d',
  'secret/a\n#b',
  'secret/ä#b',
  'secret/a#b#c',
])('does not take %j for a reference', (reference) => {
  expect(() => parseVaultReference(reference)).toThrow('expected mount/path#field');
});
