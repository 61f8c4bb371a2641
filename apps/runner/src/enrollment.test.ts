// A runner gets in once with a registration token and then with its own, whatever dies in between.
import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RivetError, SecretText } from '@rivet/base';
import { type JobOutcome, PROTOCOL_VERSION } from '@rivet/protocol';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeRunner, type Play, type TestRunner, until } from './fake-host.ts';
import { FakeServer, REGISTRATION_TOKEN } from './fake-server.ts';
import { hashOf } from './token-file.ts';

const succeeded: JobOutcome = { state: 'succeeded' };
const succeed: Play = async () => succeeded;

let server: FakeServer;
let made: TestRunner[];

beforeEach(async () => {
  server = await FakeServer.start();
  made = [];
});

afterEach(async () => {
  for (const test of made) await test.remove();
  await server.close();
  expect(server.violations).toEqual([]);
});

async function make(env: Record<string, string> = {}, directory?: string): Promise<TestRunner> {
  const test = await makeRunner(server.url, succeed, env, directory);
  made.push(test);
  return test;
}

const tokenIn = async (directory: string, name = 'token') =>
  (await readFile(join(directory, name), 'utf8')).trim();
const hash = (token: string): string => hashOf(new SecretText(token));

describe('a server that is older than the runner', () => {
  const tooOld = (orchestrator: string) => ({
    code: 'RIVET_PROTOCOL_MISMATCH',
    message: `the orchestrator is too old: the runner speaks version ${PROTOCOL_VERSION} of the protocol, the orchestrator ${orchestrator}`,
  });
  const SOON = { RIVET_START_DEADLINE: '1ms' };

  it('and says nothing of versions is named as what to update', async () => {
    server.protocol = undefined;
    const { runner } = await make(SOON);
    await expect(runner.start()).rejects.toMatchObject(tooOld('1'));
  });

  it('and does not know what the runner says is too', async () => {
    const summary = 'body has no field "number"';
    const { message: detail } = RivetError.of('RIVET_REQUEST_INVALID', { summary });
    server.fault = ({ name }) =>
      name === 'connect' ? { status: 400, code: 'RIVET_REQUEST_INVALID', detail } : undefined;
    const { runner } = await make(SOON);
    await expect(runner.start()).rejects.toMatchObject(tooOld('an older one'));
  });

  it('is not meant by another mistake in what the runner says', async () => {
    server.fault = ({ name }) =>
      name === 'connect' ? { status: 400, code: 'RIVET_REQUEST_INVALID' } : undefined;
    const { runner } = await make();
    await expect(runner.start()).rejects.toMatchObject({ code: 'RIVET_REQUEST_INVALID' });
  });

  it('is asked again: it may be the last of several that are updated', async () => {
    server.protocol = PROTOCOL_VERSION - 1;
    server.fault = ({ name }, count) => {
      if (name === 'connect' && count === 2) server.protocol = PROTOCOL_VERSION;
      return undefined;
    };
    const { runner } = await make();
    await runner.start();
    expect(server.calls.filter(({ name }) => name === 'connect')).toHaveLength(3);
  });

  it('is what the orchestrator says it is, when the runner is the older one', async () => {
    server.fault = ({ name }) =>
      name === 'connect' ? { status: 409, code: 'RIVET_PROTOCOL_MISMATCH' } : undefined;
    const { runner } = await make();
    await expect(runner.start()).rejects.toMatchObject({ code: 'RIVET_PROTOCOL_MISMATCH' });
    expect(server.calls.filter(({ name }) => name === 'connect')).toHaveLength(1);
  });
});

describe('a first start', () => {
  it('registers with the hash of a token that only its owner can read', async () => {
    const { runner, directory } = await make();
    await runner.start();
    const token = await tokenIn(directory);
    expect(token).toMatch(/^rvr_[A-Za-z0-9_-]{43}$/);
    expect((await stat(join(directory, 'token'))).mode & 0o777).toBe(0o600);
    expect(server.tokens.current).toBe(hash(token));
    expect(JSON.stringify(server.calls)).not.toContain(token);
  });

  it('whose answer is lost registers the same token again and uses up nothing more', async () => {
    server.fault = ({ name }, count) =>
      name === 'register' && count < 1 ? 'cut-after' : undefined;
    const { runner } = await make();
    await runner.start();
    // It asks with the token that it had made, and is known already.
    expect(server.calls.map(({ name }) => name).slice(0, 2)).toEqual(['register', 'connect']);
    expect(server.registrations).toBe(1);
  });

  it('that was killed before the answer came goes on with the token it had made', async () => {
    server.fault = ({ name }) => (name === 'register' ? 'cut-after' : undefined);
    const killed = await make({ RIVET_START_DEADLINE: '1ms' });
    await expect(killed.runner.start()).rejects.toMatchObject({ code: 'RIVET_SERVER_UNREACHABLE' });
    const token = await tokenIn(killed.directory);
    server.fault = () => undefined;
    const { runner } = await make({ RIVET_RUNNER_TOKEN: '' }, killed.directory);
    await runner.start();
    expect(await tokenIn(killed.directory)).toBe(token);
    expect(server.registrations).toBe(1);
  });

  it('reads the registration token from a file, which later starts do not need', async () => {
    const { runner, directory } = await make();
    await runner.start();
    await runner.stop();
    await rm(join(directory, 'token'));
    server.registrations = 0;
    const file = join(directory, 'registration');
    await writeFile(file, `${REGISTRATION_TOKEN}\n`);
    const env = { RIVET_RUNNER_TOKEN: '', RIVET_RUNNER_TOKEN_FILE: file };
    const second = await make(env, directory);
    await second.runner.start();
    await second.runner.stop();
    await rm(file);
    const third = await make(env, directory);
    await third.runner.start();
    expect(server.registrations).toBe(1);
  });

  it.each([
    ['none', { RIVET_RUNNER_TOKEN: '' }, 'RIVET_RUNNER_NOT_REGISTERED'],
    ['an API key', { RIVET_RUNNER_TOKEN: `rvt_${'a'.repeat(43)}` }, 'RIVET_RUNNER_TOKEN_MALFORMED'],
    [
      'one that the server does not know',
      { RIVET_RUNNER_TOKEN: `rvg_${'x'.repeat(43)}` },
      'RIVET_RUNNER_REGISTRATION_REFUSED',
    ],
    [
      'a file that is not there',
      { RIVET_RUNNER_TOKEN: '', RIVET_RUNNER_TOKEN_FILE: '/nowhere/token' },
      'RIVET_RUNNER_TOKEN_MALFORMED',
    ],
  ])('with %s as registration token says so at once', async (_, env, code) => {
    const { runner } = await make(env);
    const error = await runner.start().catch((thrown: unknown) => thrown as Error);
    expect(error).toMatchObject({ code });
    expect(String(error)).not.toMatch(/rv[tg]_[ax]{43}/);
  });
});

describe('a runner that is registered', () => {
  it('starts again with its token, also when the registration token is worth nothing', async () => {
    const first = await make();
    await first.runner.start();
    await first.runner.stop();
    const second = await make({ RIVET_RUNNER_TOKEN: `rvg_${'x'.repeat(43)}` }, first.directory);
    await second.runner.start();
    expect(server.count('register')).toBe(1);
    expect(server.count('connect')).toBe(2);
  });

  it('changes its token when it is asked to, and loses no job over it', async () => {
    const { runner, directory } = await make();
    await runner.start();
    const before = await tokenIn(directory);
    server.wantsChange = true;
    const job = server.launch(1);
    await until(() => job.outcomes.length > 0);
    await until(() => server.tokens.current !== hash(before));
    await until(() => server.count('token') === 2);
    const other = server.launch(2);
    await until(() => other.outcomes.length > 0);
    expect([job, other].map(({ outcomes }) => outcomes)).toEqual([[succeeded], [succeeded]]);
    expect(server.tokens.current).toBe(hash(await tokenIn(directory)));
    await expect(tokenIn(directory, 'token.next')).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it.each([
    ['its new token was offered', 'next'],
    ['its new token was used', 'current'],
    ['anybody had heard of its new token', 'nobody'],
  ] as const)('that was killed after or before %s gets in', async (_, known) => {
    const first = await make();
    await first.runner.start();
    await first.runner.stop();
    const next = `rvr_${'n'.repeat(43)}`;
    await writeFile(join(first.directory, 'token.next'), `${next}\n`, { mode: 0o600 });
    const old = await tokenIn(first.directory);
    if (known === 'next') server.tokens.next = hash(next);
    if (known === 'current') server.tokens.current = hash(next);
    const second = await make({ RIVET_RUNNER_TOKEN: '' }, first.directory);
    await second.runner.start();
    expect(await tokenIn(first.directory)).toBe(known === 'nobody' ? old : next);
    await expect(tokenIn(first.directory, 'token.next')).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('that is revoked ends its jobs and itself, and cannot register by itself', async () => {
    server.leaseSeconds = 1;
    const { runner, directory } = await make();
    await runner.start();
    const ended = runner.ended();
    server.revoked = true;
    const job = server.launch(1);
    await expect(ended).rejects.toMatchObject({ code: 'RIVET_RUNNER_REFUSED' });
    await until(() => runner.running === 0);
    expect(job.outcomes).toEqual([]);
    await runner.stop();
    const again = await make({}, directory);
    await expect(again.runner.start()).rejects.toMatchObject({ code: 'RIVET_RUNNER_REVOKED' });
  });
});
