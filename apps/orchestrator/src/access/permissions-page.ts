// Makes docs/reference/permissions.md from roles, permissions, rules and the route table.
import {
  type AccessPermission,
  permissionMeanings,
  type Route,
  type RouteName,
  roles,
  routePath,
  routes,
} from '@rivet/protocol';
import { roleCeilings } from './access.ts';
import { type Caller, callers, type RouteRule, routeRules, ruleOf } from './route-rules.ts';

/** The text of docs/reference/permissions.md. */
export function renderPermissionsPage(): string {
  return [introduction, rolesTable(), grants, answersTable(), routesTable(), ''].join('\n');
}

const introduction = `# Permissions

Who may do what. This page is made from the code by \`npm run docs\`. A test sends a request to
every route as every caller below, and fails when an answer is not the one that stands here; a
route without a permission does not compile, and a server that has one does not start.

## Roles

A role is the most that an account can ever do. Within it, administrators may everything;
everybody else may what was granted. Nothing is granted at first.
`;

function rolesTable(): string {
  const permissions = Object.keys(permissionMeanings) as AccessPermission[];
  return table(
    ['permission', 'to', ...roles],
    permissions.map((permission) => [
      code(permission),
      permissionMeanings[permission],
      ...roles.map((role) => {
        if (!roleCeilings[role].includes(permission)) return '–';
        return role === 'admin' || permission === 'runners.view' ? 'yes' : 'granted';
      }),
    ]),
  );
}

const grants = `
\`pipelines.approve\` can be granted today so that nobody has to be asked again later, but no
pipeline waits for an approval yet.

## Grants

A grant gives a user or a team permissions on the pipelines, or on the secrets, whose names fit a
pattern. \`*\` stands for any text, also none and also with \`/\`; every other character is
itself, and upper and lower case differ. The team \`everyone\` has everybody in it.

- **Any grant on a pipeline brings \`pipelines.view\`** for it: who may launch it sees it.
- **Grants are for names.** Who may edit \`deploy-web\` can make it when it is not there. When it
  is deleted and somebody makes it anew, the jobs of before belong to the name, and are seen by
  whoever may see the name now; they cannot be launched again, for their files were those of the
  pipeline that is gone.
- **A job belongs to its pipeline**, whoever launched it: who may launch the pipeline may launch
  the job again with the inputs that it had, and never sees those that are secret.
- **A secret** is called \`NAME\`, and \`pipeline/NAME\` when it is one of a single pipeline.
  Changing that one takes \`pipelines.edit\` on the pipeline too.
- **\`pipelines.edit\` is use of the pipeline's secrets**: whoever writes the program may print
  them in a form that nobody hides.
- **\`grants.manage\` and \`users.manage\` are as good as everything**: whoever has one of them
  can take the rest. With \`runners.manage\` one can bring a runner that is given any job, with its
  secrets, also through an API key that is for some pipelines only.
- What changes counts from the next request on; streams that are open end within 5 seconds.

## API keys

A key stands for its owner and may what the owner may at that moment; limits narrow that further.

- With **permissions** it has exactly those, on what its owner may: \`pipelines.launch\` does not
  bring \`pipelines.view\`.
- With **pipelines** (patterns) it is for those only, in lists too. Without permissions beside
  them it has rights on pipelines and nothing else: it manages nothing and sees no secret.
- A key can make keys, which can neither do more nor live longer than itself, and end with it: a
  stolen key leaves nothing behind when it is revoked. A key with limits sees and revokes only
  itself and those that it made, and neither sees nor ends sessions.
- It ends when its time is over (90 days, 366 at most), when it is revoked, and when its owner is
  disabled or deleted. Signing out does not end keys.

## What is answered

What one may not see is answered like what is not there: 404 with the same words. What one sees
and may not do is answered 403, \`RIVET_ACCESS_DENIED\`. Without a valid token it is 401, and it
is not told what is wrong with the token.
`;

function answersTable(): string {
  const rules = Object.keys(routeRules) as RouteRule[];
  const list = rules.map((rule) => `- **${rule}**: ${routeRules[rule].meaning}`).join('\n');
  const answers = table(
    ['caller', ...rules],
    (Object.keys(callers) as Caller[]).map((caller) => [
      callers[caller],
      ...rules.map((rule) => routeRules[rule].answers[caller]),
    ]),
  );
  return `The kinds of routes:\n\n${list}\n\n${answers}`;
}

function routesTable(): string {
  const rows = (Object.keys(routes) as RouteName[])
    .map((name): [string, string, string, string] => {
      const route: Route = routes[name];
      const place = `${route.method} ${routePath(route)}`;
      return [code(place), code(route.permission), ruleOf(name), route.summary];
    })
    .sort(([a], [b]) => (byPath(a) < byPath(b) ? -1 : 1));
  return `\n## Routes\n\n${table(['route', 'permission', 'kind', 'what it does'], rows)}`;
}

function byPath(place: string): string {
  const [method, path] = place.split(' ');
  return `${path} ${method}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function code(text: string): string {
  return `\`${text}\``;
}
