// Runners as an administrator handles them, against a whole installation: tokens, a second runner
// that registers, its rotation and its end.
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CliRun, cli } from '../../testing/run-cli.ts';
import { type RunningCli, startCli } from '../../testing/running-cli.ts';

const TOKEN = /rvg_[A-Za-z0-9_-]{43}/;

let directory: string;
let dev: RunningCli;
let url: string;
let base: Record<string, string>;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rivet-runner-cli-'));
  // The database runs as another user, who must get through.
  await chmod(directory, 0o711);
  base = {
    HOME: process.env.HOME ?? '/',
    ...(process.env.XDG_RUNTIME_DIR && { XDG_RUNTIME_DIR: process.env.XDG_RUNTIME_DIR }),
    RIVET_DEFAULT_IMAGE: 'localhost/rivet/base:latest',
    RIVET_CONFIG: join(directory, 'config'),
  };
  await writeFile(join(directory, 'config'), '{}', { mode: 0o600 });
  dev = startCli(['dev', '--port', '0', '--data-dir', join(directory, 'data'), '--json'], {
    env: base,
    cwd: directory,
  });
  await dev.waitFor(/"event":"ready"/);
  ({ url } = JSON.parse(dev.stdout()));
});

afterAll(async () => {
  dev?.signal('SIGTERM');
  await dev?.exit;
  await rm(directory, { recursive: true, force: true });
});

const rivet = (...args: string[]): CliRun =>
  cli(...args)
    .in(directory)
    .env(base);

async function json<T>(...args: string[]): Promise<T> {
  const { stdout } = await rivet(...args, '--json')
    .exits(0)
    .run();
  return JSON.parse(stdout) as T;
}

describe('rivet runner token', () => {
  it('creates one that is shown once, lists it without it, and deletes it', async () => {
    const { stdout, stderr } = await rivet(
      ...['runner', 'token', 'create', '--tag', 'env=prod', '--pipeline', 'deploy-*'],
      ...['--uses', '2', '--expires', '8h', '--description', 'rack 4'],
    )
      .exits(0)
      .run();
    expect(stdout.trim()).toMatch(new RegExp(`^${TOKEN.source}$`));
    expect(stderr).toContain('For 2 runners, until ');
    expect(stderr).toContain('not shown again');
    const list = await rivet('runner', 'token', 'list').exits(0).run();
    expect(list.stdout).toMatch(/ {2}0\/2 .*admin .*env=prod .*deploy-\* .*rack 4/);
    expect(list.stdout).not.toMatch(TOKEN);
    const { items } = await json<{ items: { id: string }[] }>('runner', 'token', 'list');
    const id = items[0]?.id ?? '';
    await rivet('runner', 'token', 'delete', id).exits(0).run();
    await rivet('runner', 'token', 'delete', id).exits(4).run();
  });

  it.each([
    [['--tag', 'env'], '--tag is "env"; expected a key and a value such as env=prod'],
    [['--expires', 'soon'], '--expires is "soon"; expected a duration'],
    [['--expires', '8d'], 'expires_in_seconds'],
    [['--tag', 'rivet.x=y'], 'the tag rivet.x is reserved'],
    [['--uses', '0'], 'a whole number from 1 to 1000'],
  ])('refuses %j and says what was expected', async (options, text) => {
    const { stderr, stdout } = await rivet('runner', 'token', 'create', ...options)
      .exits(2)
      .run();
    expect(stderr).toContain(text);
    expect(stdout).not.toMatch(TOKEN);
  });

  it('names its commands when none, or none that is known, is given', async () => {
    const { stderr } = await rivet('runner', 'token').exits(2).run();
    expect(stderr).toContain('"rivet runner token" needs one of: create, list, delete');
    const noun = await rivet('runner').exits(2).run();
    expect(noun.stderr).toContain(
      'needs one of: list, show, token, pause, drain, resume, remove, rotate, revoke, start',
    );
  });
});

it('a runner registers with a token in a file, is shown, rotated and revoked', async () => {
  const made = await rivet('runner', 'token', 'create', '--choose', 'gpu', '--quiet')
    .exits(0)
    .run();
  expect(made.stderr).toBe('');
  await writeFile(join(directory, 'token'), made.stdout, { mode: 0o600 });
  const state = join(directory, 'second');
  const start = ['runner', 'start', '--url', url, '--name', 'second', '--state-dir', state];
  const runner = startCli([...start, '--token-file', 'token', '--tag', 'gpu=yes'], {
    env: base,
    cwd: directory,
  });
  await runner.waitFor(/"event":"online"/);
  const shown = await rivet('runner', 'show', 'second').exits(0).run();
  expect(shown.stdout).toMatch(/^State: +online$/m);
  expect(shown.stdout).toMatch(/^Tags: +gpu=yes$/m);
  expect(shown.stdout).toMatch(/^Pipelines: +\*$/m);
  const before = await readFile(join(state, 'token'), 'utf8');
  await rivet('runner', 'rotate', 'second').exits(0).run();
  await expect
    .poll(() => readFile(join(state, 'token'), 'utf8'), { timeout: 60_000, interval: 200 })
    .not.toBe(before);
  const revoked = await rivet('runner', 'revoke', 'second').exits(0).run();
  expect(revoked.stdout).toContain('Revoked the runner second.');
  expect(await runner.exit).toBe(5);
  await rivet('runner', 'show', 'second').exits(4).run();
  const again = await rivet(...start, '--token-file', 'token')
    .exits(5)
    .run();
  expect(again.stderr).toContain('RIVET_RUNNER_REVOKED');
  expect(again.stderr + runner.stderr()).not.toMatch(/rv[rg]_[A-Za-z0-9_-]{43}/);
});

it('a runner is paused with a note, resumed, drained to its end, and removed', async () => {
  const made = await rivet('runner', 'token', 'create', '--quiet').exits(0).run();
  await writeFile(join(directory, 'third-token'), made.stdout, { mode: 0o600 });
  const state = join(directory, 'third');
  const runner = startCli(
    [
      ...['runner', 'start', '--url', url, '--name', 'third', '--state-dir', state],
      ...['--token-file', 'third-token'],
    ],
    { env: base, cwd: directory },
  );
  await runner.waitFor(/"event":"online"/);
  const nothing = await rivet('runner', 'pause', 'third', 'nobody').exits(4).run();
  expect(nothing.stderr).toContain('there is no runner nobody');
  const none = await rivet('runner', 'pause').exits(2).run();
  expect(none.stderr).toContain('no runner is named');
  const soon = await rivet('runner', 'pause', 'third', '--for', 'soon').exits(2).run();
  expect(soon.stderr).toContain('--for is "soon"; expected a duration such as 30m or 8h');
  expect(await json('runner', 'show', 'third')).toMatchObject({ state: 'online', pause: null });
  const paused = await rivet('runner', 'pause', 'third', '--for', '30m', '--note', 'new disk')
    .exits(0)
    .run();
  expect(paused.stdout).toMatch(/^The runner third is paused until 20.*Z, by admin: new disk\.$/m);
  const list = await rivet('runner', 'list').exits(0).run();
  expect(list.stdout).toMatch(/^third +paused +0\//m);
  expect(list.stdout).toMatch(/^third is paused until 20.*, by admin: new disk\.$/m);
  const resumed = await rivet('runner', 'resume', 'third').exits(0).run();
  expect(resumed.stdout).toContain('The runner third is given jobs again.');
  await rivet('runner', 'drain', 'third').exits(0).run();
  expect(await runner.exit).toBe(0);
  const shown = await rivet('runner', 'show', 'third').exits(0).run();
  expect(shown.stdout).toMatch(/^Paused: +until it is resumed, by admin$/m);
  const removed = await rivet('runner', 'remove', 'third').exits(0).run();
  expect(removed.stdout).toContain('Removed the runner third.');
  await rivet('runner', 'show', 'third').exits(4).run();
}, 180_000);

it('a runner without any token says how to get one', async () => {
  const state = join(directory, 'none');
  const { stderr } = await rivet('runner', 'start', '--url', url, '--state-dir', state)
    .exits(2)
    .run();
  expect(stderr).toContain('this runner is not registered');
  expect(stderr).toContain('rivet runner token create');
});
