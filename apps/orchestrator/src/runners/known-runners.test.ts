// Tests when a runner that is known is asked for again, with a database of one runner.
import { silentLogger, uuidv7 } from '@rivet/base';
import type { Database } from '@rivet/store';
import { expect, test } from 'vitest';
import { KnownRunners } from './known-runners.ts';

const HASH = Buffer.from('a'.repeat(64), 'hex');
const SESSION = uuidv7();

/** One runner in a database that counts what it is asked. */
function setUp(options: { cached?: boolean } = {}) {
  const id = uuidv7();
  const row = {
    ...{ id, name: 'build-1', session: SESSION, tags: [], pipelines: ['*'], capacity: 2 },
    ...{
      draining: false,
      problem: null as string | null,
      running: 0,
      pause_ms: 0,
      drain_asked: false,
      token_due_ms: 1e9,
      change_token: false,
      mark: 'a',
      is_next: false,
    },
  };
  const state = { row, revoked: false };
  const asked: string[] = [];
  const query = async ({ name }: { readonly name: string }): Promise<object[]> => {
    asked.push(name);
    switch (name) {
      case 'compare_known_runners':
        return state.revoked || state.row.mark !== 'a' ? [{ id, gone: state.revoked }] : [];
      case 'list_revoked_runners':
        return state.revoked ? [{ id }] : [];
      default:
        return state.revoked ? [] : [state.row];
    }
  };
  const told = { refused: [] as string[], released: [] as string[], others: [] as string[] };
  const runners = new KnownRunners({
    database: { query } as unknown as Database,
    cached: options.cached ?? true,
    logger: silentLogger,
    polls: {
      waitingRunners: () => [id],
      refuse: (ids) => void told.refused.push(...ids),
      release: (ids) => void told.released.push(...ids),
    },
    tellOthers: (runnerId) => void told.others.push(runnerId),
  });
  const see = () =>
    runners.see({ runnerId: id, session: SESSION, draining: false, problem: null, wanted: 1 });
  return { id, state, asked, told, runners, see };
}

test('a runner that is known costs no statement, neither its token nor its claim', async () => {
  const { id, runners, asked, see } = setUp();
  expect(await runners.identify(HASH)).toMatchObject({ id, name: 'build-1' });
  const before = asked.length;
  for (let n = 0; n < 5; n += 1) {
    expect(await runners.identify(HASH)).toMatchObject({ id });
    expect(await see()).toMatchObject({ capacity: 2, room: 4, changeToken: false });
  }
  expect(asked.length).toBe(before);
});

test('a known runner is told to change its token when the time for that has come', async () => {
  const { runners, state, asked, see } = setUp();
  state.row.token_due_ms = 100;
  await runners.identify(HASH);
  const before = asked.length;
  expect(await see()).toMatchObject({ changeToken: false });
  await expect.poll(async () => (await see())?.changeToken).toBe(true);
  expect(asked.length).toBe(before);
});

test('with the cache off every call asks the database', async () => {
  const { runners, asked, see } = setUp({ cached: false });
  await runners.identify(HASH);
  await runners.identify(HASH);
  await see();
  expect(asked).toHaveLength(3);
});

test('a runner that another orchestrator has revoked is out as soon as that is told', async () => {
  const { id, state, told, runners } = setUp();
  await runners.identify(HASH);
  state.revoked = true;
  runners.changed(id);
  // From this turn on it is not believed, before it was asked what has changed.
  expect(await runners.identify(HASH)).toBeUndefined();
  await expect.poll(() => told.refused).toEqual([id]);
});

test('a notification of any runner doubts all of them', async () => {
  const { state, runners } = setUp();
  await runners.identify(HASH);
  state.revoked = true;
  runners.changed('*');
  expect(await runners.identify(HASH)).toBeUndefined();
});

test('a change that is made here is told the others, and polls of the runner ask again', async () => {
  const { id, state, told, runners } = setUp();
  await runners.identify(HASH);
  state.row = { ...state.row, mark: 'b' };
  const changing = runners.change(id);
  expect(told.others).toEqual([id]);
  await changing;
  expect(told.released).toEqual([id]);
  expect(told.refused).toEqual([]);
  // The next poll is that of the runner as it is now.
  await runners.identify(HASH);
  state.row = { ...state.row, mark: 'a' };
  await Promise.all([runners.change(id), runners.change(id)]);
  expect(told.released).toEqual([id]);
});

test('a runner that has as many jobs as it may have is looked up before it is given none', async () => {
  const { id, state, asked, runners, see } = setUp();
  await runners.identify(HASH);
  runners.gave(id, 4);
  const before = asked.length;
  expect(await see()).toMatchObject({ room: 4 });
  expect(asked.slice(before)).toEqual(['see_runner']);
  state.row = { ...state.row, running: 4 };
  runners.gave(id, 4);
  expect(await see()).toMatchObject({ room: 0 });
});

test('a runner with another session than the one that is known is asked for', async () => {
  const { id, asked, runners } = setUp();
  await runners.identify(HASH);
  const before = asked.length;
  await runners.see({ runnerId: id, session: uuidv7(), draining: false, problem: null, wanted: 1 });
  expect(asked.slice(before)).toEqual(['see_runner']);
});
