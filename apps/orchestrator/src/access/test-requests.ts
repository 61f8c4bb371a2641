// For tests: a request to every route, each about objects that are made for it.
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { uuidv7 } from '@rivet/base';
import {
  type Client,
  type Job,
  type Route,
  type RouteName,
  routePath,
  routes,
} from '@rivet/protocol';
import { type Database, insertApiKey } from '@rivet/store';
import { makeToken } from '../auth/token.ts';
import { FakeRunner, reportOf, seedPerson, seedPipeline } from '../test-orchestrator.ts';

/** Who sends it, where the request is about something of theirs. */
export interface Sender {
  readonly token: string | undefined;
  readonly userId?: string;
  readonly apiKeyId?: string;
  readonly runner?: FakeRunner;
}

export interface TestRequest {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Recipe {
  /** Makes what the request is about, anew each time. */
  readonly make: (world: World, sender: Sender) => Promise<TestRequest> | TestRequest;
  /** Codes of errors that also show that the handler did its work. */
  readonly ok?: readonly string[];
}

/** What objects are made with; their names begin with `base`, which grants can name. */
export interface World {
  readonly admin: Client;
  readonly database: Database;
  readonly base: string;
}

const unique = (world: World): string => `${world.base}-${randomUUID()}`;
const secretName = (world: World): string =>
  `${world.base.toUpperCase().replaceAll('-', '_')}_${randomBytes(8).toString('hex')}`;
const lua = (name: string): string =>
  `return pipeline.define({ name = "${name}",
     stages = { { name = "s", script = function() end } } })`;
const bundle = (name: string) => ({ main: 'p.lua', files: { 'p.lua': lua(name) } });

const pipeline = async (world: World) => {
  const name = await seedPipeline(world.database, { name: unique(world) });
  return { params: { ref: name } };
};
const queuedJob = async (world: World): Promise<Job> => {
  const { params } = await pipeline(world);
  return world.admin.launchPipeline({ ref: params.ref, body: {} });
};
const endedJob = async (world: World): Promise<TestRequest> => {
  const { id } = await queuedJob(world);
  await world.admin.cancelJob({ id });
  return { params: { id } };
};
const secret = async (world: World) => {
  const name = secretName(world);
  await world.admin.putSecret({ name, body: { value: 'a value of eight' } });
  return { params: { name } };
};
const user = async (world: World) => {
  const { name } = await seedPerson(world.database, 'user', `u-${unique(world)}`);
  return { params: { ref: name } };
};
const team = async (world: World) => {
  const { name } = await world.admin.createTeam({ body: { name: `t-${unique(world)}` } });
  return { params: { ref: name } };
};
const runner = async (world: World) => {
  const { name } = await FakeRunner.register(world.admin, { pipelines: ['nothing'] });
  return { params: { ref: name } };
};
/** A job that the sender holds the lease of; of a runner of its own for anybody else. */
const held = async (world: World, sender: Sender) => {
  const name = unique(world);
  const held = await FakeRunner.register(world.admin, { pipelines: [name] });
  const own = sender.runner === undefined ? held : await sender.runner.reconnect();
  await seedPipeline(world.database, { name });
  await world.admin.launchPipeline({ ref: name, body: {} });
  return own.claimOne();
};
const offer = { tags: [], capacity: 1, version: 'test' };
const sha256 = (): string => randomBytes(32).toString('hex');
const none: Recipe = { make: () => ({}) };
const refused = (body: unknown, ...ok: string[]): Recipe => ({ make: () => ({ body }), ok });
const session = ['RIVET_AUTH_SESSION_NEEDED'];

/** Every route there is: one that is added without a request here does not compile. */
export const recipes: Readonly<Record<RouteName, Recipe>> = {
  getSignInOptions: none,
  login: refused(
    { name: 'nobody-here', password: 'x' },
    'RIVET_AUTH_LOGIN_FAILED',
    'RIVET_AUTH_THROTTLED',
  ),
  setUp: refused(
    { token: 'rvs_x', name: 'ada', password: 'correct horse battery' },
    'RIVET_AUTH_SETUP_INVALID',
    'RIVET_AUTH_SETUP_DONE',
    'RIVET_AUTH_THROTTLED',
  ),
  refreshSession: refused({ refresh_token: 'rvf_x' }, 'RIVET_AUTH_INVALID', 'RIVET_AUTH_THROTTLED'),
  logout: refused({}, ...session),
  getMe: none,
  changePassword: refused(
    { password: 'x', new_password: 'correct horse battery' },
    ...session,
    'RIVET_AUTH_PASSWORD_WRONG',
  ),
  listSessions: { make: () => ({}), ok: session },
  endSession: {
    make: () => ({ params: { id: uuidv7() } }),
    ok: ['RIVET_AUTH_SESSION_NOT_FOUND', ...session],
  },
  startOidc: { make: () => ({}), ok: ['RIVET_OIDC_OFF'] },
  finishOidc: { make: () => ({}), ok: ['RIVET_OIDC_OFF'] },
  exchangeOidcCode: refused({ code: 'x', verifier: 'v'.repeat(43) }, 'RIVET_OIDC_OFF'),
  listSigningKeys: none,
  rotateSigningKeys: { make: () => ({ body: {} }) },
  getJwks: none,
  getOpenIdConfiguration: none,
  signInBrowser: refused(
    { name: 'nobody-here', password: 'x' },
    'RIVET_AUTH_LOGIN_FAILED',
    'RIVET_AUTH_THROTTLED',
  ),
  signOutBrowser: none,
  listUsers: none,
  createUser: {
    make: (world) => ({ body: { name: `n-${unique(world)}`, role: 'viewer', password: false } }),
  },
  getUser: { make: user },
  changeUser: { make: async (world) => ({ ...(await user(world)), body: { role: 'viewer' } }) },
  deleteUser: { make: user },
  resetUserPassword: { make: user },
  logOutUser: { make: user },
  createPipeline: { make: (world) => ({ body: { bundle: bundle(unique(world)) } }) },
  checkPipeline: { make: (world) => ({ body: { bundle: bundle(unique(world)) } }) },
  listPipelines: none,
  getPipeline: { make: pipeline },
  deletePipeline: { make: pipeline },
  listPipelineVersions: { make: pipeline },
  rollbackPipeline: {
    make: async (world) => ({ ...(await pipeline(world)), body: { version: 1 } }),
  },
  launchPipeline: { make: async (world) => ({ ...(await pipeline(world)), body: {} }) },
  listJobs: none,
  launchJobs: {
    make: async (world) => {
      const { ref } = (await pipeline(world)).params;
      return { body: { launches: [{ pipeline: ref }, { pipeline: ref, priority: 1 }] } };
    },
  },
  getJob: { make: endedJob },
  cancelJob: { make: async (world) => ({ params: { id: (await queuedJob(world)).id } }) },
  retryJob: { make: endedJob },
  getJobLogs: { make: endedJob },
  streamJobLogs: { make: endedJob },
  getRawJobLogs: { make: endedJob },
  streamJobEvents: { make: endedJob },
  explainJob: { make: endedJob },
  listRunners: none,
  getRunner: { make: runner },
  revokeRunner: { make: runner },
  rotateRunner: { make: runner },
  pauseRunner: { make: async (world) => ({ ...(await runner(world)), body: {} }) },
  drainRunner: { make: async (world) => ({ ...(await runner(world)), body: {} }) },
  resumeRunner: { make: runner },
  createRegistrationToken: { make: () => ({ body: {} }) },
  listRegistrationTokens: none,
  deleteRegistrationToken: {
    make: async ({ admin }) => {
      const { id } = await admin.createRegistrationToken({ body: {} });
      return { params: { id } };
    },
  },
  registerRunner: {
    make: (world) => ({ body: { name: unique(world), token_sha256: sha256(), ...offer } }),
  },
  connectRunner: { make: () => ({ body: offer }) },
  changeRunnerToken: { make: () => ({ body: { token_sha256: sha256() } }) },
  claimJobs: {
    make: async (_, { runner: own }) => {
      const connected = await own?.client.connectRunner({ body: offer });
      const asked = { request_id: randomUUID(), capacity: 1, wait_ms: 0 };
      return { body: { session: connected?.session ?? randomUUID(), ...asked } };
    },
  },
  fetchJobBundle: {
    make: async (world, sender) => {
      const { id, attempt, lease_id } = await held(world, sender);
      return { params: { id }, query: { attempt: String(attempt), lease_id } };
    },
  },
  reportJob: {
    make: async (world, sender) => {
      const job = await held(world, sender);
      return { params: { id: job.id }, body: reportOf(job, {}) };
    },
  },
  reportJobs: {
    make: async (world, sender) => {
      const job = await held(world, sender);
      return { body: { reports: [{ job_id: job.id, ...reportOf(job, {}) }] } };
    },
  },
  renewLeases: {
    make: async (world, sender) => {
      const { id, attempt, lease_id } = await held(world, sender);
      return { body: { leases: [{ job_id: id, attempt, lease_id }] } };
    },
  },
  issueIdToken: {
    make: async (world, sender) => {
      const { id, attempt, lease_id } = await held(world, sender);
      return { params: { id }, body: { attempt, lease_id, audience: 'cloud' } };
    },
    ok: ['RIVET_ID_TOKEN_UNDECLARED'],
  },
  fetchJobSecrets: {
    make: async (world, sender) => {
      const { id, attempt, lease_id } = await held(world, sender);
      return { params: { id }, body: { attempt, lease_id, names: ['NOTHING'] } };
    },
  },
  listTeams: none,
  createTeam: { make: (world) => ({ body: { name: `t-${unique(world)}` } }) },
  deleteTeam: { make: team },
  addTeamMember: {
    make: async (world) => {
      const { ref } = (await team(world)).params;
      return { params: { ref, user: (await user(world)).params.ref } };
    },
  },
  removeTeamMember: {
    make: async (world) => {
      const params = { ref: (await team(world)).params.ref, user: (await user(world)).params.ref };
      await world.admin.addTeamMember(params);
      return { params };
    },
  },
  listGrants: none,
  createGrant: {
    make: async (world) => ({
      body: {
        user: (await user(world)).params.ref,
        kind: 'pipeline',
        pattern: unique(world),
        permissions: ['pipelines.view'],
      },
    }),
  },
  deleteGrant: {
    make: async (world) => {
      const { ref } = (await user(world)).params;
      const body = { user: ref, kind: 'pipeline', pattern: unique(world) } as const;
      const { id } = await world.admin.createGrant({
        body: { ...body, permissions: ['pipelines.view'] },
      });
      return { params: { id } };
    },
  },
  listRoles: none,
  createApiKey: { make: () => ({ body: { name: 'made in a test', expires_in_seconds: 60 } }) },
  listApiKeys: none,
  revokeApiKey: {
    make: async ({ database }, { userId, apiKeyId }) => {
      const id = uuidv7();
      const { hash, shown: prefix } = makeToken('apiKey');
      const owner = userId ?? (await seedPerson(database, 'user')).userId;
      const limits = { permissions: null, pipelines: null, expiresAt: null };
      const parent = apiKeyId === undefined ? {} : { parentId: apiKeyId };
      await insertApiKey(database, {
        ...{ id, userId: owner, name: 'k', hash, prefix },
        ...limits,
        ...parent,
      });
      return { params: { id } };
    },
  },
  listAuditEntries: none,
  verifyAuditLog: none,
  listSecrets: none,
  getSecret: { make: secret },
  putSecret: {
    make: (world) => ({
      params: { name: secretName(world) },
      body: { value: 'a value of eight' },
    }),
  },
  deleteSecret: { make: secret },
  listSecretVersions: { make: secret },
  rollbackSecret: {
    make: async (world) => {
      const { params } = await secret(world);
      await world.admin.putSecret({ name: params.name, body: { value: 'another of eight' } });
      return { params, body: { version: 1 } };
    },
  },
  grantSecret: {
    make: async (world) => ({ ...(await secret(world)), body: { pipelines: unique(world) } }),
  },
  revokeSecret: {
    make: async (world) => {
      const { params } = await secret(world);
      const pipelines = unique(world);
      await world.admin.grantSecret({ name: params.name, body: { pipelines } });
      return { params, query: { pipelines } };
    },
  },
  getMasterKey: none,
  rewrapKeys: none,
  getHealth: none,
  getReadiness: none,
  getMetrics: none,
  getOpenApi: none,
};

export interface TestAnswer {
  readonly status: number;
  readonly text: string;
  /** Of a problem document; empty for anything else. */
  readonly code: string;
}

/**
 * Sends a request as it is, without the checks of the client, each from another address of this
 * machine: whoever guesses tokens is slowed down by address.
 */
export async function sendRequest(
  url: string,
  name: RouteName,
  { params, query, body, headers }: TestRequest,
  token: string | undefined,
): Promise<TestAnswer> {
  const route: Route = routes[name];
  const path = routePath(route).replaceAll(/:(\w+)/g, (_, param: string) =>
    encodeURIComponent(params?.[param] ?? ''),
  );
  const search = query === undefined ? '' : `?${new URLSearchParams(query)}`;
  const content = body === undefined ? undefined : JSON.stringify(body);
  return sendRaw(url + path + search, {
    method: route.method,
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(content !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(content !== undefined && { content }),
  });
}

/** Sends what need not be a request of ours. */
async function sendRaw(
  url: string,
  options: { method: string; headers: Readonly<Record<string, string>>; content?: string },
): Promise<TestAnswer> {
  const { method, headers, content = '' } = options;
  const localAddress = ['127', ...[...randomBytes(3)].map((part) => 1 + (part % 250))].join('.');
  const length = Buffer.byteLength(content);
  const sent = request(url, {
    ...{ method, localAddress, agent: false },
    headers: { ...headers, ...(length > 0 && { 'content-length': length }) },
    signal: AbortSignal.timeout(60_000),
  });
  sent.end(content);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const text = (await response.setEncoding('utf8').toArray()).join('');
  return { status: response.statusCode ?? 0, text, code: codeIn(text) };
}

function codeIn(text: string): string {
  if (!text.startsWith('{')) return '';
  const { code } = JSON.parse(text) as { code?: unknown };
  return typeof code === 'string' ? code : '';
}
