// What each route answers to each kind of caller, as data: docs/reference/permissions.md shows it,
// and a test sends every one of these requests.
import {
  administrationPermissions,
  type Permission,
  type Route,
  type RouteName,
  routes,
} from '@rivet/protocol';

/** Who calls; the grants are on the object that the route is about. */
export const callers = {
  nobody: 'nobody: no token',
  wrong: 'a token that is wrong, expired or revoked, or of somebody who is disabled',
  viewer: 'a viewer without a grant',
  viewerGranted: 'a viewer with the grant',
  user: 'a user without a grant',
  userElsewhere: 'a user with the grant for other objects',
  userSees: 'a user with another grant on the object',
  userGranted: 'a user with the grant',
  admin: 'an administrator',
  keyWithout: "an administrator's API key without the permission",
  keyElsewhere: "an administrator's API key for other pipelines",
  runner: 'a runner',
  registration: 'a registration token',
} as const;
export type Caller = keyof typeof callers;

/** `ok`, or the HTTP status of the refusal. */
type Answer = 'ok' | '401' | '403' | '404';

type Answers = Readonly<Record<Caller, Answer>>;

/** Of callers who are no people: a token of the wrong kind is no better than a wrong token. */
const outsiders = { nobody: '401', wrong: '401', runner: '401', registration: '401' } as const;

/** Each kind of route with what it is, and what it answers to whom. */
export const routeRules = {
  public: {
    meaning: 'for everybody, also without a token',
    answers: everybody('ok'),
  },
  signedIn: {
    meaning: 'for people; gives only what is their own',
    answers: { ...everybody('ok'), ...outsiders },
  },
  list: {
    meaning: 'a list of what one may see: everything else is left out, so it may be empty',
    answers: { ...everybody('ok'), ...outsiders, keyWithout: '403' },
  },
  view: {
    meaning: 'seeing one object',
    answers: object({ viewer: '404', viewerGranted: 'ok', userSees: 'ok' }),
  },
  act: {
    meaning: 'doing something to one object that is there',
    answers: object({}),
  },
  make: {
    meaning: 'making an object, or changing it: nothing is told about whether it is there',
    answers: object({ user: '403', userElsewhere: '403', keyElsewhere: '403' }),
  },
  check: {
    meaning: 'for whoever has the right on some object',
    answers: object({ user: '403', userElsewhere: 'ok', keyElsewhere: 'ok' }),
  },
  secretList: {
    meaning: 'a list of the secrets that one may see',
    answers: {
      ...object({}),
      user: 'ok',
      userElsewhere: 'ok',
      userSees: 'ok',
      keyElsewhere: '403',
    },
  },
  secretView: {
    meaning: 'seeing one secret, never its value',
    answers: { ...object({ userSees: 'ok' }), keyElsewhere: '403' },
  },
  secretMake: {
    meaning: 'setting a secret: nothing is told about whether it is there',
    answers: object({ user: '403', userElsewhere: '403', keyElsewhere: '403' }),
  },
  secretGive: {
    meaning: 'saying which pipelines get a secret: for who may write it, or use it and edit those',
    answers: { ...object({ userSees: 'ok' }), keyElsewhere: '403' },
  },
  secretAct: {
    meaning: 'doing something to one secret that is there',
    answers: { ...object({}), keyElsewhere: '403' },
  },
  runners: {
    meaning: 'seeing runners',
    answers: {
      ...administration(),
      user: 'ok',
      userElsewhere: 'ok',
      userSees: 'ok',
      userGranted: 'ok',
    },
  },
  administration: {
    meaning: 'administration',
    answers: administration(),
  },
  runner: {
    meaning: 'for runners, about themselves and the jobs that they hold the lease of',
    answers: { ...everybody('401'), runner: 'ok' },
  },
  registration: {
    meaning: 'for new runners',
    answers: { ...everybody('401'), registration: 'ok' },
  },
} as const satisfies Readonly<Record<string, { meaning: string; answers: Answers }>>;
export type RouteRule = keyof typeof routeRules;

/** Routes whose rule their permission and path do not tell. */
const exceptions: Partial<Record<RouteName, RouteRule>> = {
  checkPipeline: 'check',
  // Each pipeline is one object.
  launchJobs: 'act',
  putSecret: 'secretMake',
  grantSecret: 'secretGive',
  revokeSecret: 'secretGive',
};

/** The rule of a route. */
export function ruleOf(name: RouteName): RouteRule {
  const { permission, path, method }: Route = routes[name];
  const exception = exceptions[name];
  if (exception !== undefined) return exception;
  if (permission === 'public' || permission === 'runner' || permission === 'registration') {
    return permission;
  }
  if (permission === 'signed-in') return 'signedIn';
  if (permission === 'runners.view') return 'runners';
  if (isAdministration(permission)) return 'administration';
  const secret = permission.startsWith('secrets.');
  if (!path.includes('/:')) return method === 'GET' ? (secret ? 'secretList' : 'list') : 'make';
  if (method === 'GET') return secret ? 'secretView' : 'view';
  return secret ? 'secretAct' : 'act';
}

function isAdministration(permission: Permission): boolean {
  const all: readonly Permission[] = administrationPermissions;
  return all.includes(permission);
}

function everybody(answer: Answer): Answers {
  const entries = Object.keys(callers).map((caller) => [caller, answer]);
  return Object.fromEntries(entries) as unknown as Answers;
}

/** Of a route about one object that needs a grant. */
function object(changes: Partial<Record<Caller, Answer>>): Answers {
  return {
    ...everybody('ok'),
    ...outsiders,
    // The role is a ceiling, whatever is granted.
    viewer: '403',
    viewerGranted: '403',
    user: '404',
    userElsewhere: '404',
    userSees: '403',
    keyWithout: '403',
    keyElsewhere: '404',
    ...changes,
  };
}

function administration(): Answers {
  return { ...everybody('403'), ...outsiders, admin: 'ok' };
}
