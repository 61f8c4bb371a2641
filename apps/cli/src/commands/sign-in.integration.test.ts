// Signing in and what follows from it, against a whole installation: sessions, contexts, users,
// teams, grants and API keys, as a person types them.
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type CliResult, type CliRun, cli } from '../testing/run-cli.ts';
import { type RunningCli, startCli } from '../testing/running-cli.ts';
import { openTerminal, terminalMissing } from '../testing/terminal.ts';

// Each test starts many programs, on machines that may be busy.
vi.setConfig({ testTimeout: 180_000 });

const PASSWORD = 'correct horse battery staple';
const TOKEN = /rv[tfgrs]_[A-Za-z0-9_-]{43}|eyJ[\w-]+\.[\w-]+\.[\w-]+/;
const noTerminal = terminalMissing();

let directory: string;
let dev: RunningCli;
let url: string;
let base: Record<string, string>;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rivet-sign-in-'));
  // The database runs as another user, who must get through.
  await chmod(directory, 0o711);
  base = {
    HOME: process.env.HOME ?? '/',
    ...(process.env.XDG_RUNTIME_DIR && { XDG_RUNTIME_DIR: process.env.XDG_RUNTIME_DIR }),
    RIVET_DEFAULT_IMAGE: 'localhost/rivet/base:latest',
  };
  await configOf('admin');
  dev = startDev();
  await dev.waitFor(/"event":"ready"/);
  ({ url } = JSON.parse(dev.stdout()));
  await writeFile(
    join(directory, 'p.lua'),
    'return pipeline.define({ name = "deploy-web", stages = { { name = "a", script = function() end } } })',
  );
  await as('admin', 'pipeline', 'create', 'p.lua').exits(0).run();
});

afterAll(async () => {
  dev?.signal('SIGTERM');
  await dev?.exit;
  await rm(directory, { recursive: true, force: true });
});

function startDev(): RunningCli {
  return startCli(['dev', '--port', '0', '--data-dir', join(directory, 'data'), '--json'], {
    env: { ...base, RIVET_CONFIG: join(directory, 'admin') },
    cwd: directory,
  });
}

/** A configuration file of one person's own. */
async function configOf(person: string): Promise<void> {
  await writeFile(join(directory, person), '{}', { mode: 0o600 });
}

/** `rivet` as whoever has signed in with that configuration file. */
function as(person: string, ...args: string[]): CliRun {
  return cli(...args)
    .in(directory)
    .env({ ...base, RIVET_CONFIG: join(directory, person) });
}

async function json<T>(person: string, ...args: string[]): Promise<T> {
  const { stdout } = await as(person, ...args, '--json')
    .exits(0)
    .run();
  return JSON.parse(stdout) as T;
}

const expectNoToken = ({ stdout, stderr }: CliResult): void => {
  expect(stdout + stderr).not.toMatch(TOKEN);
};

/** Makes a user and signs them in with a password of their own. */
async function signIn(name: string, role = 'user'): Promise<void> {
  const { temporary_password: temporary } = await json<{ temporary_password: string }>(
    'admin',
    ...['user', 'add', name, '--role', role],
  );
  await configOf(name);
  const login = await as(name, 'login', url, '--name', name, '--password-stdin')
    .stdin(`${temporary}\n${PASSWORD} ${name}\n`)
    .exits(0)
    .stdout(new RegExp(`Signed in to ${url} as ${name} \\(${role}\\)`))
    .run();
  expectNoToken(login);
}

const contextOf = async (person: string): Promise<Record<string, string>> => {
  const { context, contexts } = JSON.parse(await readFile(join(directory, person), 'utf8'));
  return contexts[context];
};

describe('rivet dev', () => {
  it('signs in as its administrator, in a file that only its owner reads', async () => {
    expect((await stat(join(directory, 'admin'))).mode & 0o777).toBe(0o600);
    const whoami = await as('admin', 'whoami')
      .exits(0)
      .stdout(/Name +admin\nRole +admin/)
      .run();
    expectNoToken(whoami);
    expectNoToken({ code: 0, stdout: dev.stdout(), stderr: dev.stderr() });
    for (const name of ['api-key', 'master-key']) {
      expect((await stat(join(directory, 'data', name))).mode & 0o777, name).toBe(0o600);
    }
  });

  it('takes its sign-in back when it stops, and has the same key at the next start', async () => {
    const config = join(directory, 'admin');
    const key = async (): Promise<string> => (await contextOf('admin')).api_key ?? '';
    const before = await key();
    dev.signal('SIGTERM');
    expect(await dev.exit).toBe(0);
    expect(JSON.parse(await readFile(config, 'utf8'))).toEqual({});
    dev = startDev();
    await dev.waitFor(/"event":"ready"/);
    ({ url } = JSON.parse(dev.stdout()));
    expect(await key()).toBe(before);
  });
});

describe('a session', () => {
  it('begins with a temporary password and a new one, and says who one is', async () => {
    await signIn('ada');
    expect((await stat(join(directory, 'ada'))).mode & 0o777).toBe(0o600);
    const me = await json('ada', 'whoami');
    expect(me).toMatchObject({ name: 'ada', role: 'user', via: 'session', source: 'session', url });
    expect(JSON.stringify(me)).not.toMatch(TOKEN);
    expectNoToken(
      await as('ada', 'context', 'list')
        .exits(0)
        .stdout(/\* +\S+ +ada +session/)
        .run(),
    );
  });

  it('does not begin with a wrong password, or for somebody unknown', async () => {
    await configOf('nobody');
    for (const name of ['admin', 'unknown-person']) {
      const { stderr } = await as('nobody', 'login', url, '--name', name, '--password-stdin')
        .stdin('a wrong password\n')
        .exits(5)
        .run();
      expect(stderr).toMatch(/the name or the password is not right/);
      expect(stderr).not.toContain('a wrong password');
    }
    expect(await readFile(join(directory, 'nobody'), 'utf8')).toBe('{}');
  });

  it('is carried on by twenty processes at once whose access token has ended', async () => {
    await signIn('grace');
    const path = join(directory, 'grace');
    const text = await readFile(path, 'utf8');
    await writeFile(
      path,
      text.replace(/"access_expires_at": "[^"]*"/, '"access_expires_at": "2020-01-01T00:00:00Z"'),
    );
    const before = (await contextOf('grace')).refresh_token;
    const runs = Array.from({ length: 20 }, () => as('grace', 'whoami').exits(0).run());
    await Promise.all(runs);
    expect((await contextOf('grace')).refresh_token).not.toBe(before);
    await as('grace', 'whoami').exits(0).run();
  });

  it('ends with logout, for every copy of its tokens, at once', async () => {
    await signIn('lin');
    await writeFile(join(directory, 'copy'), await readFile(join(directory, 'lin')), {
      mode: 0o600,
    });
    await as('lin', 'logout').exits(0).stdout(`Signed out of ${url}\n`).run();
    expect(await readFile(join(directory, 'lin'), 'utf8')).not.toMatch(TOKEN);
    const copy = await as('copy', 'whoami')
      .exits(5)
      .stderr(/the session of lin at \S+ has ended/)
      .run();
    expectNoToken(copy);
    await as('lin', 'whoami')
      .exits(5)
      .stderr(/has ended[\s\S]*rivet login/)
      .run();
    await as('lin', 'logout')
      .exits(5)
      .stderr(/nobody is signed in/)
      .run();
  });

  it('ends when an administrator says so, everywhere', async () => {
    await signIn('mae');
    await as('admin', 'user', 'logout', 'mae').exits(0).run();
    await as('mae', 'pipeline', 'list')
      .exits(5)
      .stderr(/the session of mae/)
      .run();
  });

  it('is listed with the others, and each can be ended, or all', async () => {
    await signIn('bo');
    await configOf('phone');
    const login = (): Promise<CliResult> =>
      as('phone', 'login', url, '--name', 'bo', '--password-stdin')
        .stdin(`${PASSWORD} bo`)
        .exits(0)
        .run();
    await login();
    type Sessions = { items: { id: string; current: boolean; kind: string }[] };
    const { items } = await json<Sessions>('bo', 'session', 'list');
    expect(items).toMatchObject([{ kind: 'cli' }, { kind: 'cli' }]);
    const other = items.find((session) => !session.current);
    await as('bo', 'session', 'end', other?.id ?? '')
      .exits(0)
      .run();
    await as('phone', 'whoami').exits(5).run();
    await login();
    await as('bo', 'logout', '--everywhere').exits(0).run();
    await as('phone', 'whoami').exits(5).run();
  });

  it('survives new signing keys, also when the old ones end at once', async () => {
    await signIn('liz');
    await as('admin', 'signing-key', 'rotate').exits(0).run();
    await as('liz', 'whoami').exits(0).run();
    await as('admin', 'signing-key', 'rotate', '--at-once').exits(0).run();
    await as('liz', 'whoami').exits(0).run();
    await as('admin', 'signing-key', 'list')
      .exits(0)
      .stdout(/access +signs/)
      .run();
  });

  it('ends with a new temporary password, which must be changed', async () => {
    await signIn('max');
    const made = await json<{ temporary_password: string }>(
      'admin',
      'user',
      'reset-password',
      'max',
    );
    await as('max', 'whoami').exits(5).run();
    await as('max', 'login', '--name', 'max', '--password-stdin')
      .stdin(made.temporary_password)
      .exits(5)
      .stderr(/temporary/)
      .run();
    await as('max', 'login', '--name', 'max', '--password-stdin')
      .stdin(`${made.temporary_password}\n${PASSWORD} again`)
      .exits(0)
      .run();
  });

  it('goes on after a change of the password, and others end', async () => {
    await signIn('ida');
    await configOf('laptop');
    await as('laptop', 'login', url, '--name', 'ida', '--password-stdin')
      .stdin(`${PASSWORD} ida`)
      .exits(0)
      .run();
    const changed = await as('ida', 'user', 'change-password', '--password-stdin')
      .stdin(`${PASSWORD} ida\n${PASSWORD} once more\n`)
      .exits(0)
      .run();
    expectNoToken(changed);
    await as('ida', 'whoami').exits(0).run();
    await as('laptop', 'whoami').exits(5).run();
  });
});

describe('a token', () => {
  it('is not sent to a server that it is not for', async () => {
    const seen: unknown[] = [];
    const other = createServer((request, response) => {
      seen.push(request.headers.authorization);
      response.writeHead(401).end();
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const elsewhere = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
    const key = `rvt_${'x'.repeat(43)}`;
    await as('admin', 'pipeline', 'list', '--url', elsewhere).exits(3).run();
    const run = as('admin', 'pipeline', 'list', '--url', elsewhere).env({
      RIVET_TOKEN: key,
      RIVET_URL: url,
    });
    expectNoToken(
      await run
        .exits(5)
        .stderr(/RIVET_TOKEN is for/)
        .run(),
    );
    other.close();
    expect(seen).toEqual([undefined]);
  });

  it('or password is not sent unencrypted', async () => {
    await configOf('far');
    await as('far', 'login', 'http://192.0.2.1', '--name', 'ada', '--password-stdin')
      .stdin(PASSWORD)
      .exits(5)
      .stderr(/unencrypted/)
      .run();
  });

  it('is not shown by a debug run that fails', async () => {
    const key = `rvt_${'y'.repeat(43)}`;
    const run = as('far', 'pipeline', 'list').env({
      ...{ RIVET_TOKEN: key, RIVET_URL: url },
      ...{ RIVET_LOG_LEVEL: 'debug' },
    });
    expectNoToken(await run.exits(5).run());
  });
});

describe('people', () => {
  it('see and do what was granted to them or their team, from that moment on', async () => {
    await signIn('eve');
    await as('eve', 'pipeline', 'show', 'deploy-web').exits(4).run();
    await as('admin', 'team', 'add', 'web').exits(0).run();
    await as('admin', 'team', 'join', 'web', 'eve').exits(0).run();
    await as('admin', 'grant', 'add', 'view,launch', '--team', 'web', '--pipeline', 'deploy-*')
      .exits(0)
      .stdout('team web may, on pipeline deploy-*: view launch\n')
      .run();
    await as('eve', 'pipeline', 'list')
      .exits(0)
      .stdout(/deploy-web/)
      .run();
    await as('eve', 'pipeline', 'delete', 'deploy-web')
      .exits(5)
      .stderr(/pipelines\.edit/)
      .run();
    await as('eve', 'user', 'list')
      .exits(5)
      .stderr(/users\.manage/)
      .run();
    const { items } = await json<{ items: { id: string }[] }>(
      'admin',
      'grant',
      'list',
      '--team',
      'web',
    );
    expect(items).toHaveLength(1);
    await as('admin', 'grant', 'rm', items[0]!.id).exits(0).run();
    await as('eve', 'pipeline', 'show', 'deploy-web').exits(4).run();
    await as('admin', 'team', 'leave', 'web', 'eve').exits(0).run();
    await as('admin', 'team', 'rm', 'web').exits(0).run();
  });

  it('are shown, changed, locked out and deleted', async () => {
    await signIn('zoe');
    await as('admin', 'user', 'set', 'zoe', '--role', 'viewer').exits(0).run();
    await as('admin', 'user', 'show', 'zoe')
      .exits(0)
      .stdout(/Role +viewer/)
      .run();
    await as('admin', 'user', 'set', 'zoe', '--lock')
      .exits(0)
      .stdout(/locked out/)
      .run();
    await as('zoe', 'whoami').exits(5).run();
    await as('admin', 'user', 'list')
      .exits(0)
      .stdout(/zoe +viewer .*locked out/)
      .run();
    await as('admin', 'user', 'set', 'zoe').exits(2).run();
    await as('admin', 'user', 'rm', 'zoe').exits(0).run();
    await as('admin', 'user', 'show', 'zoe').exits(4).run();
  });

  it('are granted only what there is, with a hint', async () => {
    await as('admin', 'grant', 'add', 'lanch', '--user', 'ada', '--pipeline', '*')
      .exits(2)
      .stderr(/"lanch" is no permission on a pipeline; did you mean "launch"/)
      .run();
    await as('admin', 'grant', 'add', 'view', '--pipeline', '*')
      .exits(2)
      .stderr(/--user and --team/)
      .run();
    await as('admin', 'grant', 'add', 'view', '--user', 'adda', '--pipeline', '*').exits(4).run();
  });
});

describe('an API key', () => {
  it('is printed alone once, works by RIVET_TOKEN, is limited, and ends', async () => {
    const { stdout } = await as(
      'admin',
      ...['api-key', 'create', 'ci', '--pipeline', 'deploy-*', '--quiet', '--expires', '1h'],
    )
      .exits(0)
      .stderr('')
      .run();
    const key = stdout.trim();
    expect(key).toMatch(/^rvt_[A-Za-z0-9_-]{43}$/);
    const program = (...args: string[]): CliRun =>
      cli(...args)
        .in(directory)
        .env({ ...base, HOME: directory, RIVET_URL: url, RIVET_TOKEN: key });
    await program('pipeline', 'list')
      .exits(0)
      .stdout(/deploy-web/)
      .run();
    await program('user', 'list').exits(5).run();
    expectNoToken(
      await program('whoami')
        .exits(0)
        .stdout(/an API key of RIVET_TOKEN/)
        .run(),
    );
    const list = await as('admin', 'api-key', 'list')
      .exits(0)
      .stdout(/ ci +admin +rvt_/)
      .run();
    expectNoToken(list);
    const { items } = await json<{ items: { id: string; name: string }[] }>(
      'admin',
      'api-key',
      'list',
    );
    await as('admin', 'api-key', 'revoke', items.find((item) => item.name === 'ci')!.id)
      .exits(0)
      .run();
    expectNoToken(await program('pipeline', 'list').exits(5).run());
  });
});

describe('contexts', () => {
  it('are used by name, and forgotten', async () => {
    await signIn('kim');
    const [before] = (await json<{ items: { name: string }[] }>('kim', 'context', 'list')).items;
    await as('kim', 'login', url, '--name', 'kim', '--password-stdin', '--as', 'work')
      .stdin(`${PASSWORD} kim`)
      .exits(0)
      .run();
    await as('kim', 'context', 'use', before!.name).exits(0).run();
    await as('kim', 'whoami', '--context', 'work').exits(0).run();
    await as('kim', 'context', 'use', 'wrok')
      .exits(4)
      .stderr(/did you mean "work"/)
      .run();
    await as('kim', 'context', 'rm', 'work').exits(0).run();
    expect((await json<{ items: unknown[] }>('kim', 'context', 'list')).items).toHaveLength(1);
  });
});

describe.skipIf(noTerminal !== undefined)(
  `at a terminal${noTerminal ? ` (${noTerminal})` : ''}`,
  () => {
    it('asks for name and password, which is not shown', async () => {
      await signIn('amy');
      await configOf('tty');
      const terminal = openTerminal(['login', url], {
        env: { ...base, RIVET_CONFIG: join(directory, 'tty') },
        cwd: directory,
      });
      await terminal.waitFor(/Name/);
      terminal.type('amy\r');
      await terminal.waitFor(/Password/);
      terminal.type(`${PASSWORD} amy\r`);
      await terminal.waitFor(/Signed in to \S+ as amy/);
      expect((await terminal.exit).code).toBe(0);
      expect(terminal.text()).not.toContain('battery');
      expect(terminal.text()).not.toMatch(TOKEN);
    });
  },
);
