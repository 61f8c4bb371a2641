// Sends a request to every route as every kind of caller, and compares with what
// docs/reference/permissions.md says. What is refused changes nothing.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { uuidv7 } from '@rivet/base';
import {
  type AccessPermission,
  administrationPermissions,
  type Client,
  type ObjectPermission,
  pipelinePermissions,
  type Route,
  type RouteName,
  routes,
  secretPermissions,
} from '@rivet/protocol';
import { beforeAll, describe, expect, test } from 'vitest';
import { clientFor, FakeRunner, seedPerson, useTestOrchestrator } from '../test-orchestrator.ts';
import { type Caller, callers, type RouteRule } from './route-rules.ts';
import { recipes, type Sender, sendRequest, type TestAnswer, type World } from './test-requests.ts';

const server = useTestOrchestrator({ leaseSeconds: 3600 });
let world: World;

/** Names of the objects that grants are for begin with it. */
const base = `m-${randomBytes(4).toString('hex')}`;
const secretBase = base.toUpperCase().replace('-', '_');
const allRoutes = Object.keys(routes) as RouteName[];
const allPermissions: readonly AccessPermission[] = [
  ...pipelinePermissions,
  ...secretPermissions,
  ...administrationPermissions,
];

beforeAll(async () => {
  // No lease ends meanwhile: its job would change by itself.
  world = { admin: server.client, database: server.database, base };
});

describe('docs/reference/permissions.md', () => {
  const page = readFileSync(
    resolve(import.meta.dirname, '../../../../docs/reference/permissions.md'),
    'utf8',
  );
  const rows = page
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .map((line) => line.slice(2, -2).split(' | '));
  const head = rows.find(([first]) => first === 'caller') ?? [];

  /** What the page says that a caller is answered. */
  function answerOf(caller: Caller, rule: string): string {
    const row = rows.find(([first]) => first === callers[caller]);
    return row?.[head.indexOf(rule)] ?? 'not in the page';
  }

  /** The rule that the page says a route has. */
  function ruleIn(name: RouteName): RouteRule {
    const { method, path, root }: Route = routes[name];
    const place = `\`${method} ${root === true ? '' : '/api'}${path}\``;
    const row = rows.find(([first]) => first === place);
    expect(row?.[1], `${place} is not in the page with its permission`).toBe(
      `\`${routes[name].permission}\``,
    );
    return row?.[2] as RouteRule;
  }

  test('has every route', () => {
    for (const name of allRoutes) expect(head).toContain(ruleIn(name));
    expect(Object.keys(recipes).sort()).toEqual([...allRoutes].sort());
  });

  test.each(allRoutes)('says what %s answers to whom', async (name) => {
    const { permission } = routes[name];
    const senders = await sendersFor(permission);
    const rule = ruleIn(name);
    const refused = senders.filter(([caller]) => answerOf(caller, rule) !== 'ok');
    const target = await recipes[name].make(world, { token: undefined });
    const before = await fingerprint();
    for (const [caller, sender, what] of refused) {
      const answer = await sendRequest(server.url, name, target, sender.token);
      const label = `${what} at ${name}: ${answer.text}`;
      expect(shown(answer), label).toBe(answerOf(caller, rule));
      if (answer.status === 404) await expectLikeAbsent(name, target, sender, answer);
    }
    expect(await fingerprint(), 'what is refused changes nothing').toBe(before);
    for (const [caller, sender, what] of senders) {
      if (answerOf(caller, rule) !== 'ok') continue;
      const request = await recipes[name].make(world, sender);
      const answer = await sendRequest(server.url, name, request, sender.token);
      const passes = answer.status < 300 || (recipes[name].ok ?? []).includes(answer.code);
      expect(passes, `${what} at ${name}: ${answer.status} ${answer.text}`).toBe(true);
    }
  });
});

/** The status of a refusal, when its code is the one for it. */
function shown({ status, code }: TestAnswer): string {
  const codes: Readonly<Record<number, RegExp>> = {
    401: /^RIVET_AUTH_(REQUIRED|INVALID)$/,
    403: /^RIVET_ACCESS_DENIED$/,
    404: /^RIVET_(PIPELINE|JOB|SECRET)_NOT_FOUND$/,
  };
  return codes[status]?.test(code) === true ? String(status) : `${status} ${code}`;
}

/** What is not theirs is answered byte for byte like what is not there. */
async function expectLikeAbsent(
  name: RouteName,
  target: { params?: Readonly<Record<string, string>> },
  sender: Sender,
  answer: TestAnswer,
): Promise<void> {
  const [[param = '', value = ''] = []] = Object.entries(target.params ?? {});
  // Of the same length and from the same characters.
  const absent = param === 'id' ? uuidv7() : value.replace(/[0-9a-f]{6}$/, '000000');
  const other = await sendRequest(
    server.url,
    name,
    { ...target, params: { ...target.params, [param]: absent } },
    sender.token,
  );
  expect(other.status).toBe(404);
  expect(other.text.replaceAll(absent, 'X')).toBe(answer.text.replaceAll(value, 'X'));
}

type Tried = readonly [caller: Caller, sender: Sender, what: string];

/** Somebody for each row of the page, for a route with that permission. */
async function sendersFor(permission: Route['permission']): Promise<Tried[]> {
  const object = [...pipelinePermissions, ...secretPermissions].find((each) => each === permission);
  const runner = await FakeRunner.register(server.client, { pipelines: [`${base}-*`] });
  const { token: registration } = await server.client.createRegistrationToken({
    body: { uses_max: 100 },
  });
  const limited = allPermissions.filter((each) => each !== permission);
  const [boss, session] = [await seedPerson(server.database, 'admin'), await signedIn('admin')];
  const bossClient = clientFor(server.url, boss.token);
  const keyWithout = await keyOf(bossClient, boss.userId, { permissions: limited });
  const keyElsewhere = await keyOf(bossClient, boss.userId, { pipelines: ['elsewhere-*'] });
  return [
    ['nobody', { token: undefined }, 'nobody'],
    ...(await wrongTokens()),
    ['viewer', await personWith('viewer', []), 'a viewer'],
    ['viewerGranted', await personWith('viewer', granted(object)), 'a viewer with the grant'],
    ['user', await personWith('user', []), 'a user'],
    ['userElsewhere', await personWith('user', granted(object), 'elsewhere'), 'granted elsewhere'],
    ['userSees', await personWith('user', another(object)), 'a user who sees it'],
    ['userGranted', await personWith('user', granted(object)), 'a user with the grant'],
    ['admin', { token: boss.token, userId: boss.userId }, 'an administrator'],
    ['admin', session, 'an administrator who has signed in'],
    ['keyWithout', keyWithout, 'a key without the permission'],
    ['keyElsewhere', keyElsewhere, 'a key for other pipelines'],
    ['runner', { token: runner.token, runner }, 'a runner'],
    ['registration', { token: registration }, 'a registration token'],
  ];
}

/** The grants that a person needs; for giving a secret to a pipeline both kinds. */
function granted(object: ObjectPermission | undefined): ObjectPermission[] {
  if (object === 'secrets.use') return [object, 'pipelines.edit'];
  return object === undefined ? [...pipelinePermissions] : [object];
}

/** Another grant on the same object. */
function another(object: ObjectPermission | undefined): ObjectPermission[] {
  if (object === 'secrets.use') return ['secrets.write'];
  if (object === 'secrets.write') return ['secrets.use'];
  return [object === 'pipelines.cancel' ? 'pipelines.launch' : 'pipelines.cancel'];
}

async function personWith(
  role: 'user' | 'viewer',
  permissions: readonly ObjectPermission[],
  place = base,
): Promise<Sender> {
  const { name: user, token, userId } = await seedPerson(server.database, role);
  for (const kind of ['pipeline', 'secret'] as const) {
    const some = permissions.filter((each) => each.startsWith(`${kind}s.`));
    const pattern = kind === 'secret' && place === base ? `${secretBase}_*` : `${place}-*`;
    if (some.length > 0)
      await server.client.createGrant({ body: { user, kind, pattern, permissions: some } });
  }
  return { token, userId };
}

async function keyOf(
  client: Client,
  userId: string,
  limits: { permissions?: AccessPermission[]; pipelines?: string[] },
): Promise<Sender> {
  const { id, token } = await client.createApiKey({ body: { name: 'limited', ...limits } });
  return { token, userId, apiKeyId: id };
}

async function signedIn(role: 'admin'): Promise<Sender> {
  const name = `s-${uuidv7()}`;
  const { user, temporary_password } = await server.client.createUser({ body: { name, role } });
  const password = 'correct horse battery';
  const { access_token } = await server.client.login({
    body: { name, password: temporary_password ?? '', new_password: password },
  });
  return { token: access_token, userId: user.id };
}

let wrong: Tried[] | undefined;

/** One of each kind of token that is worth nothing. */
async function wrongTokens(): Promise<Tried[]> {
  wrong ??= await makeWrongTokens();
  return wrong;
}

async function makeWrongTokens(): Promise<Tried[]> {
  const [expired, revoked, disabled] = [
    await seedPerson(server.database, 'admin'),
    await seedPerson(server.database, 'admin'),
    await seedPerson(server.database, 'admin'),
  ];
  await change('UPDATE api_keys SET expires_at = now() WHERE user_id = $1', expired.userId);
  await change('UPDATE api_keys SET revoked_at = now() WHERE user_id = $1', revoked.userId);
  await server.client.changeUser({ ref: disabled.name, body: { disabled: true } });
  const ended = await signedIn('admin');
  await clientFor(server.url, ended.token ?? '').logout({ body: {} });
  const runner = await FakeRunner.register(server.client);
  await server.client.revokeRunner({ ref: runner.name });
  const used = await server.client.createRegistrationToken({ body: {} });
  await server.client.deleteRegistrationToken({ id: used.id });
  const tokens: Readonly<Record<string, string>> = {
    garbage: 'garbage',
    'an API key that nobody has': `rvt_${'A'.repeat(43)}`,
    'the beginning of an API key': server.token.slice(0, -1),
    'an API key that is too long': `${server.token}A`,
    'a runner token that no runner has': `rvr_${'A'.repeat(43)}`,
    'a JWT that nobody signed': `${'e30'}.${'e30'}.${'A'.repeat(86)}`,
    'an expired key': expired.token,
    'a revoked key': revoked.token,
    'a key of somebody disabled': disabled.token,
    'a session that has ended': ended.token ?? '',
    'a revoked runner': runner.token,
    'a registration token that was deleted': used.token,
  };
  return Object.entries(tokens).map(([what, token]) => ['wrong', { token }, what]);
}

test('every token that is worth nothing is answered with the same words', async () => {
  const texts = new Set<string>();
  for (const [, sender] of await wrongTokens()) {
    const { status, text } = await sendRequest(server.url, 'listJobs', {}, sender.token);
    expect(status).toBe(401);
    texts.add(text);
  }
  expect([...texts]).toHaveLength(1);
});

async function change(text: string, id: string): Promise<void> {
  await server.database.query({ name: '', text, repeatable: true }, [id]);
}

/** A digest of everything that requests change, but for notes of when something was used. */
async function fingerprint(): Promise<string> {
  const tables = [
    'users (id, name, role, disabled_at, token_version)',
    'teams (id, name)',
    'team_members (team_id, user_id)',
    'grants (id, permissions)',
    'api_keys (id, revoked_at)',
    'pipelines (id, version, deleted_at)',
    'pipeline_versions (pipeline_id, version)',
    'jobs (id, state, attempt, cancel_requested)',
    'secrets (id, version)',
    'secret_versions (secret_id, version)',
    'secret_grants (secret_id, pipelines)',
    'registration_tokens (id, uses)',
    'runners (id, name)',
    'signing_keys (id)',
  ];
  const parts = tables.map((table) => {
    const [name, columns = ''] = table.split(/ (?=\()/);
    return `SELECT '${name}' AS name, md5(COALESCE(string_agg(ROW${columns}::text, ';'
      ORDER BY ROW${columns}::text), '')) AS digest FROM ${name}`;
  });
  const text = parts.join(' UNION ALL ');
  return JSON.stringify(await server.database.query({ name: '', text, repeatable: true }));
}
