// For tests: one change through every route that changes something, with what the audit log must
// say of it.
import { randomBytes, randomUUID } from 'node:crypto';
import { type AuditAction, type Client, createClient, type RouteName } from '@rivet/protocol';
import type { Database } from '@rivet/store';
import { PASSWORD, seedPersonWithPassword, signIn } from '../auth/test-people.ts';
import { makeToken } from '../auth/token.ts';
import {
  clientFor,
  FakeRunner,
  seedPerson,
  seedPipeline,
  stageDefinition,
} from '../test-orchestrator.ts';

export interface ChangeWorld {
  readonly database: Database;
  readonly url: string;
  /** Of an administrator; never tries again. */
  readonly admin: Client;
}

/** A change that was got ready; done as often as it fails. */
interface Change {
  readonly action: AuditAction;
  /** Name or id of what it is done to, where it is known before. */
  readonly object?: string;
  /** Whether the row is all that is stored: an answer was given. */
  readonly onlyTold?: true;
  /** What must never be stored in the log. */
  readonly secrets?: readonly string[];
  readonly run: () => Promise<unknown>;
}

type Prepare = (world: ChangeWorld) => Promise<Change>;

/** Routes that are not GET and leave no row of their own, and why. */
export const unrecorded: Readonly<Partial<Record<RouteName, string>>> = {
  setUp: 'has a test of its own: it needs an installation without users',
  refreshSession:
    'goes on with a session that was begun; one that comes twice is auth.session_stolen',
  exchangeOidcCode: 'needs a provider: auth/oidc has its test',
  checkPipeline: 'stores nothing',
  connectRunner: 'says what a runner offers, within what its registration lets it',
  claimJobs: 'the job has it: attempts with their runners',
  reportJob: 'the job has it: its course',
  reportJobs: 'the job has it: its course',
  renewLeases: 'changes nothing but how long a lease lasts',
};

const unique = (): string => randomUUID().slice(0, 13);
const lua = (name: string, line: string): string =>
  `return pipeline.define({ name = "${name}", stages = { { name = "s", script = function() ${line} end } } })`;
const bundle = (name: string, line = '') => ({
  main: 'p.lua',
  files: { 'p.lua': lua(name, line) },
});
const offer = { tags: [], capacity: 1, version: 'test' };
const sha256 = (): string => randomBytes(32).toString('hex');

const person = async ({ database, url }: ChangeWorld) => {
  const { name } = await seedPersonWithPassword(database, 'user');
  const tokens = await signIn(url, name);
  const client = createClient({ url, token: tokens.access_token, triesMax: 1 });
  return { name, client, tokens };
};
const user = async ({ database }: ChangeWorld) => (await seedPerson(database, 'user')).name;
const team = async ({ admin }: ChangeWorld) =>
  (await admin.createTeam({ body: { name: `t-${unique()}` } })).name;
const secret = async ({ admin }: ChangeWorld) => {
  const name = `S_${randomBytes(6).toString('hex')}`;
  await admin.putSecret({ name, body: { value: 'first value' } });
  return name;
};
const job = async ({ admin, database }: ChangeWorld) =>
  admin.launchPipeline({ ref: await seedPipeline(database), body: {} });

async function held(world: ChangeWorld, secretName: string) {
  const name = `p-${randomUUID()}`;
  await seedPipeline(world.database, {
    name,
    stages: [stageDefinition('s')],
    secrets: [secretName],
    id_tokens: ['cloud'],
  });
  const runner = await FakeRunner.register(world.admin, { pipelines: [name] });
  await world.admin.launchPipeline({ ref: name, body: {} });
  const { id, attempt, lease_id } = await runner.claimOne();
  const client = clientFor(world.url, runner.token, 1);
  return { client, pipeline: name, id, lease: { attempt, lease_id } };
}

function browser({ url }: ChangeWorld, method: string, init: { cookie?: string; body?: object }) {
  return fetch(`${url}/api/auth/browser`, {
    method,
    headers: {
      'sec-fetch-site': 'same-origin',
      ...(init.cookie && { cookie: init.cookie }),
      ...(init.body && { 'content-type': 'application/json' }),
    },
    ...(init.body && { body: JSON.stringify(init.body) }),
  }).then(async (response) => {
    if (!response.ok) throw new Error(await response.text());
    return response;
  });
}

/** By the route that makes it. */
export const changes: Readonly<Partial<Record<RouteName, Prepare>>> = {
  login: async ({ database, url }) => {
    const { name } = await seedPersonWithPassword(database);
    const run = () => signIn(url, name);
    return { action: 'auth.login', object: name, secrets: [PASSWORD], run };
  },
  logout: async (world) => {
    const { name, client, tokens } = await person(world);
    const secrets = [tokens.access_token, tokens.refresh_token];
    const run = () => client.logout({ body: {} });
    return { action: 'auth.logout', object: name, secrets, run };
  },
  changePassword: async (world) => {
    const { name, client } = await person(world);
    const next = `${randomUUID()} next`;
    const body = { password: PASSWORD, new_password: next };
    const run = () => client.changePassword({ body });
    return { action: 'auth.password', object: name, secrets: [PASSWORD, next], run };
  },
  endSession: async (world) => {
    const { client } = await person(world);
    const [session] = (await client.listSessions()).items;
    const id = session?.id ?? '';
    return { action: 'auth.logout', object: id, run: () => client.endSession({ id }) };
  },
  rotateSigningKeys: async ({ admin }) => ({
    action: 'key.rotate',
    run: () => admin.rotateSigningKeys({ body: {} }),
  }),
  signInBrowser: async (world) => {
    const { name } = await seedPersonWithPassword(world.database);
    const run = () => browser(world, 'POST', { body: { name, password: PASSWORD } });
    return { action: 'auth.login', object: name, secrets: [PASSWORD], run };
  },
  signOutBrowser: async (world) => {
    const { name } = await seedPersonWithPassword(world.database);
    const signedIn = await browser(world, 'POST', { body: { name, password: PASSWORD } });
    const cookie = signedIn.headers.get('set-cookie')?.split(';', 1)[0] ?? '';
    const run = () => browser(world, 'DELETE', { cookie });
    return { action: 'auth.logout', object: name, secrets: [cookie.split('=')[1] ?? ''], run };
  },
  createUser: async ({ admin }) => {
    const name = `u-${unique()}`;
    const run = () => admin.createUser({ body: { name, role: 'viewer' } });
    return { action: 'user.create', object: name, run };
  },
  changeUser: async (world) => {
    const ref = await user(world);
    const run = () => world.admin.changeUser({ ref, body: { role: 'viewer' } });
    return { action: 'user.update', object: ref, run };
  },
  deleteUser: async (world) => {
    const ref = await user(world);
    return { action: 'user.delete', object: ref, run: () => world.admin.deleteUser({ ref }) };
  },
  resetUserPassword: async (world) => {
    const ref = await user(world);
    const run = () => world.admin.resetUserPassword({ ref });
    return { action: 'user.password', object: ref, run };
  },
  logOutUser: async (world) => {
    const { name: ref } = await person(world);
    const run = () => world.admin.logOutUser({ ref });
    return { action: 'auth.logout_everywhere', object: ref, run };
  },
  createPipeline: async ({ admin }) => {
    const name = `p-${unique()}`;
    const run = () => admin.createPipeline({ body: { bundle: bundle(name) } });
    return { action: 'pipeline.create', object: name, run };
  },
  deletePipeline: async ({ admin, database }) => {
    const ref = await seedPipeline(database);
    return { action: 'pipeline.delete', object: ref, run: () => admin.deletePipeline({ ref }) };
  },
  rollbackPipeline: async ({ admin }) => {
    const ref = `p-${unique()}`;
    await admin.createPipeline({ body: { bundle: bundle(ref) } });
    await admin.createPipeline({ body: { bundle: bundle(ref, 'log.info("x")') } });
    const run = () => admin.rollbackPipeline({ ref, body: { version: 1 } });
    return { action: 'pipeline.rollback', object: ref, run };
  },
  launchPipeline: async ({ admin, database }) => {
    const ref = await seedPipeline(database);
    const run = () => admin.launchPipeline({ ref, body: {} });
    return { action: 'job.launch', object: ref, run };
  },
  launchJobs: async ({ admin, database }) => {
    const ref = await seedPipeline(database);
    const launches = [{ pipeline: ref }, { pipeline: ref }];
    const run = () => admin.launchJobs({ body: { launches } });
    return { action: 'job.launch_batch', object: ref, run };
  },
  cancelJob: async (world) => {
    const { id } = await job(world);
    return { action: 'job.cancel', object: id, run: () => world.admin.cancelJob({ id }) };
  },
  retryJob: async (world) => {
    const { id, pipeline } = await job(world);
    await world.admin.cancelJob({ id });
    return { action: 'job.retry', object: pipeline, run: () => world.admin.retryJob({ id }) };
  },
  revokeRunner: async ({ admin }) => {
    const { name } = await FakeRunner.register(admin);
    const run = () => admin.revokeRunner({ ref: name });
    return { action: 'runner.revoke', object: name, run };
  },
  rotateRunner: async ({ admin }) => {
    const { name } = await FakeRunner.register(admin);
    const run = () => admin.rotateRunner({ ref: name });
    return { action: 'runner.rotate', object: name, run };
  },
  pauseRunner: async ({ admin }) => {
    const { name } = await FakeRunner.register(admin);
    const run = () => admin.pauseRunner({ ref: name, body: { for_seconds: 60, note: 'disk' } });
    return { action: 'runner.pause', object: name, run };
  },
  drainRunner: async ({ admin }) => {
    const { name } = await FakeRunner.register(admin);
    const run = () => admin.drainRunner({ ref: name, body: {} });
    return { action: 'runner.drain', object: name, run };
  },
  resumeRunner: async ({ admin }) => {
    const { name } = await FakeRunner.register(admin);
    await admin.pauseRunner({ ref: name, body: {} });
    const run = () => admin.resumeRunner({ ref: name });
    return { action: 'runner.resume', object: name, run };
  },
  createRegistrationToken: async ({ admin }) => {
    const description = `for ${unique()}`;
    const run = () => admin.createRegistrationToken({ body: { description } });
    return { action: 'runner.token_create', object: description, run };
  },
  deleteRegistrationToken: async ({ admin }) => {
    const { id, token } = await admin.createRegistrationToken({ body: {} });
    const run = () => admin.deleteRegistrationToken({ id });
    return { action: 'runner.token_delete', object: id, secrets: [token], run };
  },
  registerRunner: async ({ admin, url }) => {
    const { token } = await admin.createRegistrationToken({ body: {} });
    const name = `r-${unique()}`;
    const body = { name, token_sha256: sha256(), ...offer };
    const run = () => clientFor(url, token, 1).registerRunner({ body });
    return { action: 'runner.register', object: name, secrets: [token], run };
  },
  changeRunnerToken: async ({ admin, url }) => {
    const { name, token } = await FakeRunner.register(admin);
    const { hash } = makeToken('runner');
    const body = { token_sha256: hash.toString('hex') };
    const run = () => clientFor(url, token, 1).changeRunnerToken({ body });
    return { action: 'runner.token', object: name, secrets: [token], run };
  },
  issueIdToken: async (world) => {
    const { client, id, lease } = await held(world, 'UNUSED');
    const run = () => client.issueIdToken({ id, body: { ...lease, audience: 'cloud' } });
    return { action: 'job.id_token', object: id, onlyTold: true, run };
  },
  fetchJobSecrets: async (world) => {
    const name = await secret(world);
    const { client, id, lease, pipeline } = await held(world, name);
    await world.admin.grantSecret({ name, body: { pipelines: pipeline } });
    const run = () => client.fetchJobSecrets({ id, body: { ...lease, names: [name] } });
    return { action: 'job.secrets', object: id, secrets: ['first value'], run };
  },
  createTeam: async ({ admin }) => {
    const name = `t-${unique()}`;
    return { action: 'team.create', object: name, run: () => admin.createTeam({ body: { name } }) };
  },
  deleteTeam: async (world) => {
    const ref = await team(world);
    return { action: 'team.delete', object: ref, run: () => world.admin.deleteTeam({ ref }) };
  },
  addTeamMember: async (world) => {
    const [ref, name] = [await team(world), await user(world)];
    const run = () => world.admin.addTeamMember({ ref, user: name });
    return { action: 'team.add', object: ref, run };
  },
  removeTeamMember: async (world) => {
    const [ref, name] = [await team(world), await user(world)];
    await world.admin.addTeamMember({ ref, user: name });
    const run = () => world.admin.removeTeamMember({ ref, user: name });
    return { action: 'team.remove', object: ref, run };
  },
  createGrant: async (world) => {
    const name = await user(world);
    const permissions = ['pipelines.view'] as const;
    const body = { user: name, kind: 'pipeline', pattern: unique(), permissions: [...permissions] };
    const run = () => world.admin.createGrant({ body: { ...body, kind: 'pipeline' } });
    return { action: 'grant.create', run };
  },
  deleteGrant: async (world) => {
    const { id } = await world.admin.createGrant({
      body: {
        user: await user(world),
        kind: 'pipeline',
        pattern: unique(),
        permissions: ['pipelines.view'],
      },
    });
    return { action: 'grant.delete', object: id, run: () => world.admin.deleteGrant({ id }) };
  },
  createApiKey: async ({ admin }) => {
    const name = `k-${unique()}`;
    const run = () => admin.createApiKey({ body: { name } });
    return { action: 'api_key.create', object: name, run };
  },
  revokeApiKey: async ({ admin }) => {
    const made = await admin.createApiKey({ body: { name: `k-${unique()}` } });
    const { id } = made;
    return { action: 'api_key.revoke', object: id, run: () => admin.revokeApiKey({ id }) };
  },
  putSecret: async ({ admin }) => {
    const name = `S_${randomBytes(6).toString('hex')}`;
    const value = `value ${randomUUID()}`;
    const run = () => admin.putSecret({ name, body: { value } });
    return { action: 'secret.set', object: name, secrets: [value], run };
  },
  deleteSecret: async (world) => {
    const name = await secret(world);
    return { action: 'secret.delete', object: name, run: () => world.admin.deleteSecret({ name }) };
  },
  rollbackSecret: async (world) => {
    const name = await secret(world);
    await world.admin.putSecret({ name, body: { value: 'second value' } });
    const run = () => world.admin.rollbackSecret({ name, body: { version: 1 } });
    const secrets = ['first value', 'second value'];
    return { action: 'secret.rollback', object: name, secrets, run };
  },
  grantSecret: async (world) => {
    const name = await secret(world);
    const run = () => world.admin.grantSecret({ name, body: { pipelines: 'build' } });
    return { action: 'secret.grant', object: name, run };
  },
  revokeSecret: async (world) => {
    const name = await secret(world);
    await world.admin.grantSecret({ name, body: { pipelines: 'build' } });
    const run = () => world.admin.revokeSecret({ name, query: { pipelines: 'build' } });
    return { action: 'secret.revoke', object: name, run };
  },
  rewrapKeys: async (world) => {
    await secret(world);
    // Of a master key that nobody has: it is tried, and stays as it is.
    const text = `UPDATE secret_versions SET master_key_id = '${'0'.repeat(16)}'`;
    await world.database.query({ name: '', text, repeatable: false });
    return { action: 'secret.rotate', onlyTold: true, run: () => world.admin.rewrapKeys() };
  },
};
