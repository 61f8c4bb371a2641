// Texts that try to be SQL, in every place of every request that takes text: each is a value, and
// nothing else. Nobody's rows change, and no answer has words of the database.
import { randomBytes } from 'node:crypto';
import { type Route, type RouteName, routePath, routes } from '@rivet/protocol';
import { beforeAll, expect, test } from 'vitest';
import {
  FakeRunner,
  logLine,
  seedPerson,
  seedPipeline,
  useTestOrchestrator,
} from '../test-orchestrator.ts';
import { hostileStrings } from './hostile-strings.ts';
import { type StringField, stringFields, withText } from './string-fields.ts';
import { recipes, type TestRequest, type World } from './test-requests.ts';

const server = useTestOrchestrator();
let world: World;
let runner: FakeRunner;
let registration: string;
/** Rows that no request of these tests is about. */
let bystanders: string[];

beforeAll(async () => {
  world = {
    admin: server.client,
    database: server.database,
    base: `h-${randomBytes(4).toString('hex')}`,
  };
  runner = await FakeRunner.register(server.client, { pipelines: [`${world.base}-*`] });
  ({ token: registration } = await server.client.createRegistrationToken({
    body: { uses_max: 1000 },
  }));
  await seedBystanders();
  bystanders = await rows();
});

/** What PostgreSQL, Node and our own code say when something is wrong in them. */
const TELLTALE = new RegExp(
  [
    ...['syntax error at', 'invalid input syntax', 'unterminated', 'invalid byte sequence'],
    ...['duplicate key', 'violates', 'SQLSTATE', 'relation "', 'column "', 'operator does not'],
    ...['node_modules', '\\.ts:\\d', 'at async ', 'RIVET_INTERNAL'],
  ].join('|'),
);
/** Of what runs a program, hashes a password or has many places: every nth of the texts. */
const slow: Partial<Record<RouteName, number>> = {
  createPipeline: 40,
  checkPipeline: 40,
  login: 12,
  signInBrowser: 12,
  changePassword: 12,
  setUp: 12,
  reportJob: 5,
  reportJobs: 5,
  claimJobs: 5,
};
const everyNth = (count: number) => hostileStrings.filter((_, index) => index % count === 0);

const withFields = (Object.keys(routes) as RouteName[]).filter(
  (name) => stringFields(name).length > 0,
);

test('the texts are many, and there are many places for them', () => {
  expect(hostileStrings.length).toBeGreaterThan(250);
  expect(new Set(hostileStrings).size).toBe(hostileStrings.length);
  const places = withFields.flatMap((name) => stringFields(name).map(({ path }) => [name, path]));
  expect(places.length).toBeGreaterThan(100);
});

test.each(withFields)('%s takes them for what they are', async (name) => {
  const token = tokenFor(routes[name].permission);
  const sender = { token, ...(token === runner.token && { runner }) };
  const request = await recipes[name].make(world, sender);
  for (const field of stringFields(name)) {
    const some = slow[name] ?? (field.free ? 1 : 8);
    const texts = everyNth(some);
    await inParallel(texts, 4, async (text) => {
      const answer = await send(name, changed(request, field, text), token);
      const label = `${name} ${field.part}.${field.path.join('.')} = ${JSON.stringify(text)}`;
      const short = `${label}: ${answer.status} ${answer.text.slice(0, 500)}`;
      expect(answer.status, short).toBeLessThan(500);
      expect(answer.text, short).not.toMatch(TELLTALE);
    });
  }
  await expectBystanders();
});

test.each([
  ['Idempotency-Key', 'launchPipeline'],
  ['Idempotency-Key', 'retryJob'],
  ['Last-Event-ID', 'streamJobLogs'],
  ['Authorization', 'listJobs'],
  ['Cookie', 'listJobs'],
  ['X-Forwarded-For', 'listJobs'],
  ['User-Agent', 'login'],
] as const)('the header %s of %s takes them too', async (header, name) => {
  // What can stand in a header at all.
  const texts = everyNth(3).filter((text) => /^[\x20-\x7e]{1,2000}$/.test(text));
  const sender = { token: server.token };
  for (const text of texts) {
    const request = await recipes[name].make(world, sender);
    const value = header === 'Cookie' ? `__Host-rivet=${text}` : text;
    const token = header === 'Authorization' ? undefined : server.token;
    const answer = await send(name, { ...request, headers: { [header]: value } }, token);
    const short = `${header}: ${text}: ${answer.status} ${answer.text.slice(0, 300)}`;
    expect(answer.status, short).toBeLessThan(500);
    expect(answer.text, short).not.toMatch(TELLTALE);
  }
  await expectBystanders();
});

test('a search finds what has the text in its name, and % and _ are no wildcards', async () => {
  await seedPipeline(server.database, { name: `${world.base}-100% sure_ly` });
  const found = async (search: string) =>
    (await server.client.listPipelines({ query: { search } })).items.map(({ name }) => name);
  for (const text of ['%', '_', '0% s', 'e_l']) {
    expect(await found(text), text).toEqual([`${world.base}-100% sure_ly`]);
  }
  for (const text of ['%%', 's_re', '\\', '100%%', 'sure%ly', "'", '*']) {
    expect(await found(text), text).toEqual([]);
  }
});

test('a key for a pattern with % or _ in the name of its pipeline fits nothing else', async () => {
  const { userId, name: user } = await seedPerson(server.database, 'user');
  expect(userId).not.toBe('');
  const [one, other] = [`${world.base}-a_b`, `${world.base}-axb`];
  await seedPipeline(server.database, { name: one });
  await seedPipeline(server.database, { name: other });
  const body = { user, kind: 'pipeline', pattern: one } as const;
  await server.client.createGrant({ body: { ...body, permissions: ['pipelines.view'] } });
  const { token } = await server.client.createApiKey({ body: { name: 'k', user } });
  const answer = await send('listPipelines', {}, token);
  const { items } = JSON.parse(answer.text) as { items: { name: string }[] };
  expect(items.map(({ name }) => name)).toEqual([one]);
});

test('what was stored comes back as it was, also where it is read again', async () => {
  const texts = hostileStrings.filter((text) => text.length <= 100 && /^[^\p{Cc}]*$/u.test(text));
  const { name: user } = await seedPerson(server.database, 'user');
  for (const text of everyNth(4).filter((each) => texts.includes(each) && each.trim() !== '')) {
    const { id, name } = await server.client.createApiKey({ body: { name: text, user } });
    expect(name).toBe(text);
    const { items } = await server.client.listApiKeys({ query: { user } });
    expect(items.map((key) => key.name)).toEqual([text, 'test']);
    await server.client.revokeApiKey({ id });
  }
  const audit = await server.client.listAuditEntries({
    query: { limit: 500, action: 'api_key.revoke' },
  });
  expect(audit.items.map(({ object }) => object.name)).toContain("' OR 1=1--");
});

test('a log keeps them line by line', async () => {
  const pipeline = await seedPipeline(server.database, { name: `${world.base}-log` });
  const launched = await server.client.launchPipeline({ ref: pipeline, body: {} });
  const own = await FakeRunner.register(server.client, { pipelines: [pipeline] });
  const job = await own.claimOne();
  const logs = hostileStrings.map((text, index) => logLine(index + 1, text));
  await own.report(job, { logs });
  const { lines } = await server.client.getJobLogs({ id: launched.id, query: { limit: 1000 } });
  expect(lines.map(({ text }) => text)).toEqual(hostileStrings);
  for (const stage of everyNth(5).filter((text) => text.length <= 200 && !text.includes('\0'))) {
    expect((await server.client.getJobLogs({ id: launched.id, query: { stage } })).lines).toEqual(
      [],
    );
  }
});

async function seedBystanders(): Promise<void> {
  const { name: user } = await seedPerson(server.database, 'user');
  const ref = await seedPipeline(server.database);
  await server.client.createGrant({
    body: { user, kind: 'pipeline', pattern: ref, permissions: ['pipelines.view'] },
  });
  await server.client.launchPipeline({ ref, body: {} });
  await server.client.putSecret({ name: 'BYSTANDER', body: { value: 'a value of eight' } });
}

/** They are all there, as they were. */
async function expectBystanders(): Promise<void> {
  const now = new Set(await rows());
  expect(bystanders.length).toBeGreaterThan(8);
  expect(bystanders.filter((row) => !now.has(row))).toEqual([]);
}

function tokenFor(permission: Route['permission']): string {
  if (permission === 'runner') return runner.token;
  return permission === 'registration' ? registration : server.token;
}

function changed(request: TestRequest, field: StringField, text: string): TestRequest {
  return { ...request, [field.part]: withText(request[field.part] ?? {}, field, text) };
}

/** Quicker than the client of the matrix: one connection for many requests. */
async function send(
  name: RouteName,
  { params, query, body, headers }: TestRequest,
  token: string | undefined,
): Promise<{ status: number; text: string }> {
  const route: Route = routes[name];
  const path = routePath(route).replaceAll(/:(\w+)/g, (_, param: string) =>
    encodeURIComponent(params?.[param] ?? ''),
  );
  const search = query === undefined ? '' : `?${new URLSearchParams(query)}`;
  const response = await fetch(server.url + path + search, {
    method: route.method,
    redirect: 'manual',
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    // Far less than a statement that sleeps would take.
    signal: AbortSignal.timeout(60_000),
  });
  return { status: response.status, text: await response.text() };
}

async function inParallel<T>(
  items: readonly T[],
  count: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const left = items.values();
  const workers = Array.from({ length: count }, async () => {
    for (const item of left) await work(item);
  });
  await Promise.all(workers);
}

/** The rows that are there, one text each. */
async function rows(): Promise<string[]> {
  const tables = {
    users: 'id, name, role, disabled_at, token_version',
    grants: 'id, pattern, permissions',
    api_keys: 'id, revoked_at',
    pipelines: 'id, name, version, deleted_at',
    jobs: 'id',
    secrets: 'id, name',
    runners: 'id, name',
  };
  const parts = Object.entries(tables).map(
    ([table, columns]) => `SELECT '${table} ' || ROW(${columns})::text AS row FROM ${table}`,
  );
  const text = parts.join(' UNION ALL ');
  const found = await server.database.query<{ row: string }>({ name: '', text, repeatable: true });
  return found.map(({ row }) => row);
}
