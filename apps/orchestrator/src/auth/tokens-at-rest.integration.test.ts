// A dump of the database is searched for every password and token that people and programs had.
import { randomBytes } from 'node:crypto';
import { type Client, createClient } from '@rivet/protocol';
import { expect, test } from 'vitest';
import {
  clientFor,
  FakeRunner,
  seedPipeline,
  testMasterKey,
  useTestOrchestrator,
} from '../test-orchestrator.ts';
import { offerSetup } from './setup-token.ts';
import { clientWith, PASSWORD, send, signIn } from './test-people.ts';
import { makeToken } from './token.ts';

const server = useTestOrchestrator();
const AUDIENCE = 'https://cloud.example';

/** What was given out or typed, by what it is. */
const used = new Map<string, string>();

function keep(what: string, text: string | undefined): string {
  if (text === undefined || text.length < 8) throw new Error(`there is no ${what}`);
  used.set(what, text);
  return text;
}

const newPassword = (): string => `a password of ${randomBytes(9).toString('base64url')}`;

async function setUpAdministrator(): Promise<Client> {
  const { url, database } = server;
  await database.query({ name: '', text: 'DELETE FROM users', repeatable: false });
  const token = keep('set-up token', (await offerSetup(database))?.reveal());
  const password = keep('password of the administrator', newPassword());
  const tokens = await createClient({ url }).setUp({ body: { token, name: 'root', password } });
  keep('access token', tokens.access_token);
  return clientWith(url, tokens);
}

async function usePasswords(admin: Client): Promise<void> {
  const { url } = server;
  const made = await admin.createUser({ body: { name: 'ada', role: 'user' } });
  const temporary = keep('temporary password', made.temporary_password ?? undefined);
  const own = keep('first password of a user', newPassword());
  const signingIn = { name: 'ada', password: temporary, new_password: own };
  const first = await createClient({ url }).login({ body: signingIn });
  keep('refresh token', first.refresh_token);
  const body = { refresh_token: first.refresh_token };
  const second = await createClient({ url }).refreshSession({ body });
  keep('refresh token after it', second.refresh_token);
  const next = keep('second password of a user', newPassword());
  await clientWith(url, second).changePassword({ body: { password: own, new_password: next } });
  const wrong = keep('password that was wrong', newPassword());
  await expect(signIn(url, 'ada', wrong)).rejects.toThrow();
  await expect(signIn(url, keep('password in place of a name', newPassword()))).rejects.toThrow();
  const browser = { method: 'POST', body: { name: 'ada', password: next } };
  const { headers } = await send(`${url}/api/auth/browser`, browser);
  keep('cookie', /__Host-rivet=([^;]+)/.exec(headers.get('set-cookie') ?? '')?.[1]);
  const reset = await admin.resetUserPassword({ ref: 'ada' });
  keep('password of an administrator’s reset', reset.temporary_password);
}

async function useKeysAndRunners(admin: Client): Promise<void> {
  const { url, database } = server;
  const key = await admin.createApiKey({ body: { name: 'key' } });
  const token = keep('API key', key.token);
  const wrong = keep('token that nobody has', makeToken('apiKey').token.reveal());
  expect((await send(`${url}/api/pipelines`, { token: wrong })).status).toBe(401);
  const registration = await admin.createRegistrationToken({ body: {} });
  keep('registration token', registration.token);
  const pipeline = await seedPipeline(database, { id_tokens: [AUDIENCE] });
  const runner = await FakeRunner.register(clientFor(url, token), { pipelines: [pipeline] });
  keep('token of a runner', runner.token);
  const { token: nextToken, hash } = makeToken('runner');
  keep('next token of a runner', nextToken.reveal());
  await runner.client.changeRunnerToken({ body: { token_sha256: hash.toString('hex') } });
  await createClient({ url, token }).launchPipeline({ ref: pipeline, body: {} });
  const job = await runner.claimOne();
  const { id, attempt, lease_id } = job;
  const body = { attempt, lease_id, audience: AUDIENCE };
  keep('identity token of a job', (await runner.client.issueIdToken({ id, body })).token);
  await runner.finish(job, { state: 'succeeded' });
}

/** Everything in the database, as a thief of a dump would search it. */
async function dump(): Promise<Buffer> {
  const { database } = server;
  const run = <Row extends object>(text: string) =>
    database.query<Row>({ name: '', text, repeatable: true });
  const columns = await run<{ table_name: string; column_name: string }>(
    `SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'`,
  );
  const parts: Buffer[] = [];
  for (const { table_name: table, column_name: column } of columns) {
    for (const { value } of await run<{ value: unknown }>(
      `SELECT "${column}" AS value FROM "${table}"`,
    )) {
      const text = typeof value === 'string' ? value : JSON.stringify(value ?? null);
      parts.push(Buffer.isBuffer(value) ? value : Buffer.from(text), Buffer.from('\n'));
    }
  }
  return Buffer.concat(parts);
}

/** The text itself, what it encodes, and what of a token is no prefix. */
function formsOf(text: string): Buffer[] {
  const secret = text.replace(/^rv[a-z]_/, '');
  const bytes = [text, secret].flatMap((part) => [
    Buffer.from(part),
    Buffer.from(Buffer.from(part).toString('base64')),
    Buffer.from(Buffer.from(part).toString('hex')),
  ]);
  const random = /^[A-Za-z0-9_-]{43,}$/.test(secret) ? Buffer.from(secret, 'base64url') : undefined;
  // Only the signature of a JWT is worth anything.
  const signature = text.startsWith('ey') ? text.split('.')[2] : undefined;
  return [
    ...bytes,
    ...(random === undefined ? [] : [random, Buffer.from(random.toString('hex'))]),
    ...(signature === undefined
      ? []
      : [Buffer.from(signature), Buffer.from(signature, 'base64url')]),
  ];
}

test('a dump of the database holds no password and no token that was used, in no form', async () => {
  keep('password of tests', PASSWORD);
  keep('master key', testMasterKey.text.reveal());
  const admin = await setUpAdministrator();
  await usePasswords(admin);
  await useKeysAndRunners(admin);
  const bytes = await dump();
  // It does find what is there.
  expect(bytes.includes('root')).toBe(true);
  expect(used.size).toBe(20);
  for (const [what, text] of used) {
    for (const form of formsOf(text)) {
      expect([what, form.toString('latin1'), bytes.includes(form)]).toEqual([
        what,
        form.toString('latin1'),
        false,
      ]);
    }
  }
});
