// Whatever changes something through the API is in the audit log, in the transaction of the change.
import { randomUUID } from 'node:crypto';
import {
  type AuditQuery,
  auditActions,
  createClient,
  type Route,
  type RouteName,
  routes,
} from '@rivet/protocol';
import type { Database } from '@rivet/store';
import { createTestDatabase, useTestDatabase } from '@rivet/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { offerSetup } from '../auth/setup-token.ts';
import { PASSWORD, seedPersonWithPassword, send, signIn } from '../auth/test-people.ts';
import {
  clientFor,
  openTestDatabase,
  seedPerson,
  startTestOrchestrator,
  type TestOrchestrator,
} from '../test-orchestrator.ts';
import { type ChangeWorld, changes, unrecorded } from './test-changes.ts';

const testDatabase = useTestDatabase();
let database: Database;
let server: TestOrchestrator;
let world: ChangeWorld;

beforeAll(async () => {
  database = openTestDatabase(testDatabase.url);
  // Longer than the tests: a lease that runs out is a change as well.
  server = await startTestOrchestrator(testDatabase.url, { leaseSeconds: 3600 });
  const { url } = server.orchestrator;
  world = { database, url, admin: clientFor(url, server.token, 1) };
  await watchTransactions();
});

afterAll(async () => {
  await server.orchestrator.stop();
  await database.close();
});

async function sql(...statements: string[]): Promise<Record<string, unknown>[]> {
  const client = await database.connect();
  try {
    let rows: Record<string, unknown>[] = [];
    for (const statement of statements) ({ rows } = await client.query(statement));
    return rows;
  } finally {
    await client.end();
  }
}

/** Written by the clock, or meant to stay when what was asked for fails. */
const NOT_COMPARED = `'audit_head', 'attempt_limits', 'cluster_heartbeat', 'rivet_migrations',
  'transactions_seen'`;

async function tablesCompared(): Promise<string[]> {
  const rows = await sql(`SELECT relname AS name FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
      AND relname NOT IN (${NOT_COMPARED}) ORDER BY 1`);
  return rows.map(({ name }) => String(name));
}

/** From here on each transaction notes which tables it changed. */
async function watchTransactions(): Promise<void> {
  const tables = await tablesCompared();
  await sql(
    'CREATE TABLE transactions_seen (id xid8, changed text, operation text)',
    `CREATE FUNCTION see_transaction() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
       INSERT INTO transactions_seen VALUES (pg_current_xact_id(), TG_TABLE_NAME, TG_OP);
       RETURN NULL;
     END $$`,
    `CREATE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
       RAISE EXCEPTION 'a fault of the test';
     END $$`,
    ...tables.map(
      (table) => `CREATE TRIGGER zz_see AFTER INSERT OR UPDATE OR DELETE ON ${table}
        FOR EACH ROW EXECUTE FUNCTION see_transaction()`,
    ),
  );
}

/** A digest of all that is stored, but for when something was last used. */
async function everything(): Promise<Record<string, unknown>> {
  const clock = `'{last_used_at,used_at,last_seen_at,updated_at,position,link}'::text[]`;
  const parts = (await tablesCompared()).map(
    (table) => `SELECT '${table}' AS name, count(*)::int AS rows,
      md5(string_agg(md5((to_jsonb(t) - ${clock})::text), '' ORDER BY md5((to_jsonb(t) - ${clock})::text))) AS digest
      FROM ${table} t`,
  );
  const rows = await sql(parts.join(' UNION ALL '));
  return Object.fromEntries(rows.map(({ name, rows: n, digest }) => [name, `${n} ${digest}`]));
}

const faults = {
  'when the row is written':
    'CREATE TRIGGER fault BEFORE INSERT ON audit_log FOR EACH ROW EXECUTE FUNCTION fault()',
  'after everything, at the commit': `CREATE CONSTRAINT TRIGGER fault AFTER INSERT ON audit_log
     DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fault()`,
};

const rowsOf = (action: string) =>
  sql(`SELECT *, details::text AS text FROM audit_log WHERE action = '${action}' ORDER BY at, id`);

const changing = Object.entries<Route>(routes).filter(([, { method }]) => method !== 'GET');

test('every route that changes something is here, or says why it leaves no row', () => {
  const told = [...Object.keys(changes), ...Object.keys(unrecorded)];
  expect(told.sort()).toEqual(changing.map(([name]) => name).sort());
});

describe.each(Object.keys(changes) as RouteName[])('%s', (name) => {
  test('is in the log with who, what and from where, exactly if it happened', async () => {
    const prepare = changes[name];
    if (prepare === undefined) throw new Error('there is no such change');
    const { action, object, run, secrets = [], onlyTold } = await prepare(world);
    const earlier = (await rowsOf(action)).length;
    for (const [when, trigger] of Object.entries(faults)) {
      const before = await everything();
      await sql(trigger);
      const failed = await run().then(
        () => 'it was done',
        () => 'refused',
      );
      await sql('DROP TRIGGER fault ON audit_log');
      expect({ when, failed }).toEqual({ when, failed: 'refused' });
      expect(await everything(), when).toEqual(before);
    }
    await sql('DELETE FROM transactions_seen');
    await run();
    const rows = await rowsOf(action);
    expect(rows).toHaveLength(earlier + 1);
    const row = rows.at(-1) ?? {};
    expect(Object.keys(auditActions)).toContain(row.action);
    expect(row).toMatchObject({
      address: '127.0.0.1',
      request_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      actor_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      via_kind: expect.stringMatching(
        /^(session|browser|api_key|runner_token|registration_token)$/,
      ),
    });
    expect(row.object_kind).not.toBe('');
    if (object !== undefined) expect([row.object_id, row.object_name]).toContain(object);
    const text = JSON.stringify(row);
    for (const secret of secrets) expect(text).not.toContain(secret);
    expect(text).not.toMatch(/rv[tsgrf]_[A-Za-z0-9_-]{43}/);
    const together = await sql(`SELECT DISTINCT changed FROM transactions_seen
      WHERE id IN (SELECT id FROM transactions_seen WHERE changed = 'audit_log' AND operation = 'INSERT')
        AND changed <> 'audit_log'`);
    if (!onlyTold) expect(together.length).toBeGreaterThan(0);
  });
});

test('a new version of a pipeline is an update, and the same files again are nothing', async () => {
  const name = `p-${randomUUID().slice(0, 8)}`;
  const create = (line: string) => {
    const source = `return pipeline.define({ name = "${name}", stages = { { name = "s", script = function() ${line} end } } })`;
    const bundle = { main: 'p.lua', files: { 'p.lua': source } };
    return world.admin.createPipeline({ body: { bundle } });
  };
  await create('');
  await create('log.info("x")');
  await create('log.info("x")');
  const { items } = await world.admin.listAuditEntries({ query: { object: name } });
  expect(items.map(({ action, details }) => [action, details.version])).toEqual([
    ['pipeline.update', 2],
    ['pipeline.create', 1],
  ]);
});

test('a password in place of a temporary one is set with its row, or not at all', async () => {
  const { name } = await seedPersonWithPassword(database);
  const { temporary_password: password } = await world.admin.resetUserPassword({ ref: name });
  const next = 'a password of my own';
  const setIt = () => {
    const body = { name, password, new_password: next };
    return createClient({ url: world.url, triesMax: 1 }).login({ body });
  };
  await sql(faults['after everything, at the commit']);
  await expect(setIt()).rejects.toThrow();
  await sql('DROP TRIGGER fault ON audit_log');
  await expect(signIn(world.url, name, next)).rejects.toThrow();
  await setIt();
  const { items } = await world.admin.listAuditEntries({ query: { object: name, limit: 2 } });
  expect(items.map(({ action }) => action)).toEqual(['auth.login', 'auth.password']);
});

test('the first administrator is in the log from the beginning', async () => {
  const empty = await createTestDatabase();
  const own = openTestDatabase(empty.url);
  const other = await startTestOrchestrator(empty.url);
  try {
    await own.query({ name: '', text: 'DELETE FROM users', repeatable: false });
    const token = (await offerSetup(own))?.reveal() ?? '';
    const { url } = other.orchestrator;
    const body = { token, name: 'ada', password: PASSWORD };
    const tokens = await createClient({ url, triesMax: 1 }).setUp({ body });
    const ada = createClient({ url, token: tokens.access_token });
    const { items } = await ada.listAuditEntries({ query: { action: 'auth.setup' } });
    expect(items).toMatchObject([
      { actor: { kind: 'person', name: 'ada', via: 'session' }, object: { name: 'ada' } },
    ]);
    expect(JSON.stringify(items)).not.toContain(token);
  } finally {
    await other.orchestrator.stop();
    await own.close();
    await empty.drop();
  }
});

describe('what was refused is in the log', () => {
  const latest = async (action: string, object?: string) => {
    const of = object === undefined ? {} : { object };
    const found = () => world.admin.listAuditEntries({ query: { action, limit: 1, ...of } });
    await expect.poll(async () => (await found()).items.length).toBe(1);
    return (await found()).items[0];
  };

  test('a wrong password, with the user whose it is not, and no password', async () => {
    const { id, name } = await seedPersonWithPassword(database);
    await expect(signIn(world.url, name, 'my secret guess')).rejects.toMatchObject({
      code: 'RIVET_AUTH_LOGIN_FAILED',
    });
    // The tests before this one have been refused too, and theirs may come a little later.
    const row = await latest('auth.refused', name);
    expect(row).toMatchObject({
      actor: { kind: 'anonymous' },
      address: '127.0.0.1',
      object: { kind: 'user', id, name },
      details: { code: 'RIVET_AUTH_LOGIN_FAILED', route: 'POST /api/auth/login' },
    });
    expect(JSON.stringify(row)).not.toContain('my secret guess');
  });

  test('a name that nobody has, which may be a password in the wrong field, is not', async () => {
    await expect(signIn(world.url, 'hunter2-is-my-password', 'x')).rejects.toThrow();
    await signIn(world.url, 'another-name', 'x').catch(() => undefined);
    const rows = await sql(`SELECT * FROM audit_log`);
    expect(JSON.stringify(rows)).not.toContain('hunter2-is-my-password');
    expect(rows.map(({ object_id, action }) => `${action} ${object_id}`)).toContain(
      'auth.refused POST /api/auth/login',
    );
  });

  test('a token that is not valid, without the token', async () => {
    const token = `rvt_${'x'.repeat(43)}`;
    const { status } = await send(`${world.url}/api/pipelines`, { token });
    expect(status).toBe(401);
    const found = await sql(`SELECT * FROM audit_log WHERE object_id = 'GET /api/pipelines'`);
    expect(found).toMatchObject([{ action: 'auth.refused', actor_kind: 'anonymous' }]);
    expect(JSON.stringify(await sql('SELECT * FROM audit_log'))).not.toContain(token);
  });

  test('a registration token that was used up', async () => {
    const { token } = await world.admin.createRegistrationToken({ body: { uses_max: 1 } });
    const register = (name: string) =>
      clientFor(world.url, token, 1).registerRunner({
        body: {
          name,
          token_sha256: randomUUID().replaceAll('-', '').repeat(2),
          tags: [],
          capacity: 1,
          version: 'x',
        },
      });
    await register(`r-${randomUUID()}`);
    await expect(register(`r-${randomUUID()}`)).rejects.toMatchObject({
      code: 'RIVET_AUTH_INVALID',
    });
    const found = await sql(
      `SELECT * FROM audit_log WHERE object_id = 'POST /api/runner/register'`,
    );
    expect(found).toMatchObject([{ action: 'auth.refused', actor_kind: 'registration' }]);
  });

  test('somebody who may not do it, with what they wanted', async () => {
    const { token, name } = await seedPerson(database, 'user');
    const client = clientFor(world.url, token, 1);
    await expect(client.listAuditEntries({})).rejects.toMatchObject({
      code: 'RIVET_ACCESS_DENIED',
    });
    expect(await latest('access.denied')).toMatchObject({
      actor: { kind: 'person', name, via: 'api_key' },
      object: { kind: 'route', name: 'GET /api/audit' },
      details: { permission: 'audit.view' },
    });
  });
});

describe('the list', () => {
  beforeAll(async () => {
    for (let n = 0; n < 4; n += 1) {
      const name = `l-${randomUUID().slice(0, 8)}`;
      await world.admin.createUser({ body: { name, role: 'viewer' } });
      await world.admin.createTeam({ body: { name } });
      await world.admin.createRegistrationToken({ body: {} });
    }
  });

  const count = async (query: AuditQuery) =>
    (await world.admin.listAuditEntries({ query: { limit: 500, ...query } })).items.length;

  test.each([
    '1h',
    '90m',
    '7d',
    '3600s',
    '2020-01-01',
    '2020-01-01T12:00',
    '2020-01-01T12:00+02:00',
  ])('takes the time %s', async (time) => {
    expect(await count({ since: time })).toBeGreaterThan(10);
    expect(await count({ until: time })).toBe(0);
  });

  test.each(['yesterday', '', '2026-13-45', '12', '999999d', '1.5h', "1h'; SELECT 1"])(
    'refuses the time %j',
    async (time) => {
      await expect(count({ since: time })).rejects.toMatchObject({
        code: expect.stringMatching(/^RIVET_(AUDIT_TIME_INVALID|REQUEST_INVALID)$/),
      });
    },
  );

  test('takes actions by pattern, and refuses those that there are not', async () => {
    const [runners, users] = [
      await count({ action: 'runner.*' }),
      await count({ action: 'user.*' }),
    ];
    expect(runners).toBeGreaterThan(3);
    expect(users).toBeGreaterThan(3);
    expect(await count({ action: '*.create' })).toBeGreaterThan(3);
    for (const action of ['runner_*', 'user.?', '%', 'nothing', 'user.create*x']) {
      await expect(count({ action })).rejects.toMatchObject({ code: 'RIVET_AUDIT_ACTION_UNKNOWN' });
    }
  });

  test('comes in pages that overlap nowhere and leave nothing out', async () => {
    const ids: string[] = [];
    const until = new Date().toISOString();
    for (let cursor: string | undefined; ; ) {
      const query = { limit: 7, until, ...(cursor === undefined ? {} : { cursor }) };
      const page = await world.admin.listAuditEntries({ query });
      ids.push(...page.items.map(({ id }) => id));
      if (page.next_cursor === null) break;
      cursor = page.next_cursor;
    }
    const stored = await sql(
      `SELECT id FROM audit_log WHERE at < '${until}' ORDER BY at DESC, id DESC`,
    );
    expect(ids).toEqual(stored.map(({ id }) => id));
  });
});

test('after all of this the log is as it was written', async () => {
  await expect.poll(async () => (await world.admin.verifyAuditLog({ query: {} })).waiting).toBe(0);
  const part = await world.admin.verifyAuditLog({ query: {} });
  expect(part).toMatchObject({ findings: [], findings_left_out: 0, next_cursor: null });
  expect(part.checked).toBeGreaterThan(0);
});
