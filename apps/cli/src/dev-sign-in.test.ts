// The context that `rivet dev` keeps while it runs, beside those of people and of other ones.
import { once } from 'node:events';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readConfigFile } from './config-file.ts';
import { devSignIn, keepDevKey, readDevKey } from './dev-sign-in.ts';

const URL_1 = 'http://127.0.0.1:7450';

let directory: string;
let env: Record<string, string>;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rivet-dev-sign-in-'));
  env = { RIVET_CONFIG: join(directory, 'config') };
  await writeFile(env.RIVET_CONFIG!, '{}');
});
afterEach(() => rm(directory, { recursive: true, force: true }));

it('is the current one while there is no other, and leaves nothing behind', async () => {
  const signIn = await devSignIn(env, URL_1, 'key');
  expect(signIn).toMatchObject({ context: 'dev', current: true, config: env.RIVET_CONFIG });
  await signIn.forget();
  expect(await readConfigFile(env)).toEqual({ settings: {}, contexts: new Map() });
});

it('leaves the current context of somebody alone', async () => {
  const work = { url: 'https://ci.example.com', api_key: 'k' };
  await writeFile(env.RIVET_CONFIG!, JSON.stringify({ context: 'work', contexts: { work } }));
  const signIn = await devSignIn(env, URL_1, 'key');
  expect(signIn).toMatchObject({ context: 'dev', current: false });
  await signIn.forget();
  const { settings, contexts } = await readConfigFile(env);
  expect({ settings, contexts: [...contexts] }).toEqual({
    settings: { context: 'work' },
    contexts: [['work', work]],
  });
});

it('takes the place of what is known of its address, and forgets only its own key', async () => {
  const first = await devSignIn(env, URL_1, 'of one that was killed');
  const second = await devSignIn(env, URL_1, 'new');
  expect(second.context).toBe('dev');
  await first.forget();
  expect((await readConfigFile(env)).contexts.get('dev')?.api_key).toBe('new');
});

it('has its port in its name beside another one that runs, and not beside one that ended', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  await devSignIn(env, `http://127.0.0.1:${port}`, 'of the other');
  expect((await devSignIn(env, URL_1, 'key')).context).toBe('dev-7450');
  other.close();
  await once(other, 'close');
  expect((await devSignIn(env, 'http://127.0.0.1:7451', 'next')).context).toBe('dev');
});

it('keeps its key for the next start, for its owner alone', async () => {
  expect(await readDevKey(directory)).toBeUndefined();
  await keepDevKey(directory, 'rvt_key');
  expect(await readDevKey(directory)).toBe('rvt_key');
  expect((await stat(join(directory, 'api-key'))).mode & 0o777).toBe(0o600);
});
