// `rivet secret` against a whole installation: from the value that somebody sets to the command
// that uses it, and everything on this machine that must not show it.
import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cli } from '../../testing/run-cli.ts';
import { type RunningCli, startCli } from '../../testing/running-cli.ts';
import { openTerminal, terminalMissing } from '../../testing/terminal.ts';

const run = promisify(execFile);
const VALUE = 'npm_4f2e9a7c1b8d6035';
const OTHER = 'never-declared-91827364';

let directory: string;
let env: Record<string, string>;
let dev: RunningCli;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rivet-secret-'));
  // The database runs as another user, who must get through.
  await chmod(directory, 0o711);
  const config = join(directory, 'config');
  await writeFile(config, '{}', { mode: 0o600 });
  env = {
    HOME: process.env.HOME ?? '/',
    ...(process.env.XDG_RUNTIME_DIR === undefined
      ? {}
      : { XDG_RUNTIME_DIR: process.env.XDG_RUNTIME_DIR }),
    RIVET_CONFIG: config,
    RIVET_DEFAULT_IMAGE: 'localhost/rivet/base:latest',
  };
  const data = join(directory, 'data');
  dev = startCli(['dev', '--port', '0', '--data-dir', data, '--json'], { env, cwd: directory });
  await dev.waitFor(/"event":"ready"/);
  env.RIVET_URL = JSON.parse(dev.stdout()).url;
});

afterAll(async () => {
  dev?.signal('SIGTERM');
  await dev?.exit;
  await rm(directory, { recursive: true, force: true });
});

const rivet = (...args: string[]) =>
  cli('secret', ...args)
    .in(directory)
    .env(env);

/** All commands of a secret's life print what a person needs, and never the value. */
describe('a value', () => {
  it.each([
    [['set', 'A', 'the-value'], /^error: the value of A is on the command line/m],
    [['set', 'A=the-value'], /^error: the value of A is on the command line/m],
    [['set', 'A', '--env', 'NOT_SET'], /the environment variable NOT_SET is not set/],
    [['set', 'A', '--file', 'none'], /none.*it does not exist/],
    [['set', 'A', '--env', 'B', '--file', 'c'], /--file and --env are both given/],
    [['set', 'A', '--provider', 'vault'], /--provider and --reference belong together/],
    [['rollback', 'A', 'x'], /"x" is no number of a version/],
  ])('%j is refused', async (args, message) => {
    const { stderr, stdout } = await rivet(...args)
      .exits(2)
      .stderr(message)
      .run();
    expect(stderr + stdout).not.toContain('the-value');
  });

  it('comes from standard input, a file or a variable, without the line end of one line', async () => {
    await writeFile(join(directory, 'key'), 'line 1\nline 2\n');
    const shown = [
      await rivet('set', 'STDIN')
        .stdin(`${VALUE}\n`)
        .exits(0)
        .stdout(/^Set STDIN: version 1$/m)
        .run(),
      await rivet('set', 'FILE', '--file', 'key')
        .exits(0)
        .stdout(/^Set FILE: version 1$/m)
        .run(),
      await rivet('set', 'VARIABLE', '--env', 'V')
        .env({ V: VALUE })
        .exits(0)
        .stderr(/No pipeline has it yet/)
        .run(),
      await rivet('set', 'STDIN')
        .stdin(VALUE)
        .exits(0)
        .stdout(/^Set STDIN: version 2$/m)
        .run(),
      await rivet('rollback', 'STDIN', '1')
        .exits(0)
        .stdout(/is version 3, with the value of version 1/)
        .run(),
      await rivet('versions', 'STDIN')
        .exits(0)
        .stdout(/3 +current, value of 1/)
        .run(),
      await rivet('grant', 'STDIN', 'web-*', '--event', 'manual')
        .exits(0)
        .stdout(/^STDIN is granted to web-\* \(manual\)$/m)
        .run(),
      await rivet('show', 'STDIN')
        .exits(0)
        .stdout(/Granted to\n {2}web-\* \(manual\), by admin/)
        .run(),
      await rivet('list')
        .exits(0)
        .stdout(/STDIN .*version 3 +web-\* \(manual\)/)
        .run(),
      await rivet('list', '--json')
        .exits(0)
        .stdout(/"provider": "database"/)
        .run(),
      await rivet('revoke', 'STDIN', 'web-*')
        .exits(0)
        .stdout(/granted to nobody now$/m)
        .run(),
      await rivet('rm', 'FILE')
        .exits(0)
        .stdout(/^Deleted the secret FILE with/)
        .run(),
      await rivet('show', 'FILE')
        .exits(4)
        .stderr(/there is no secret FILE/)
        .run(),
      await rivet('rotate', '--status')
        .exits(0)
        .stdout(/^[0-9a-f]{16} {2}\d+ values, current$/m)
        .run(),
      await rivet('rotate')
        .exits(0)
        .stdout(/holds 0 more values; 0 are left/)
        .run(),
      await rivet('set', 'EMPTY')
        .stdin('')
        .exits(2)
        .stderr(/standard input has nothing in it/)
        .run(),
      await rivet('set', 'SHORT')
        .stdin('abc')
        .exits(1)
        .stderr(/at least 4/)
        .run(),
    ];
    expect(JSON.stringify(shown)).not.toContain(VALUE);
    expect(JSON.stringify(shown)).not.toContain('line 1');
  });
});

const missing = terminalMissing();

it.skipIf(missing !== undefined)(
  `is asked for at a terminal, which does not show it${missing === undefined ? '' : `: ${missing}`}`,
  async () => {
    const terminal = openTerminal(['secret', 'set', 'ASKED'], { env, cwd: directory });
    try {
      await terminal.waitFor(/Value of ASKED/);
      terminal.type(`${VALUE}\r`);
      await terminal.waitFor(/Set ASKED: version 1/);
      expect((await terminal.exit).code).toBe(0);
      expect(terminal.text()).not.toContain(VALUE);
    } finally {
      terminal.kill();
    }
  },
);

it('reaches exactly the command that is given it, and nothing else on this machine', async () => {
  await rivet('set', 'NPM_TOKEN').stdin(VALUE).exits(0).run();
  await rivet('grant', 'NPM_TOKEN', 'web').exits(0).run();
  await rivet('set', 'OTHER').stdin(OTHER).exits(0).run();
  await rivet('grant', 'OTHER', '*').exits(0).run();
  const source = `return pipeline.define({ name = "web", secrets = { "NPM_TOKEN" },
    stages = { { name = "s", script = function()
      local command = process.spawn({ "sh", "-c",
        "touch started; until [ -e go ]; do sleep 0.1; done; printf %s \\"$T\\" | sha256sum",
        env = { T = secret.get("NPM_TOKEN") } })
      process.sh("until [ -e started ]; do sleep 0.1; done; env; cat /proc/self/environ")
      container.with({ image = "localhost/rivet/base:latest" }, function()
        process.sh("cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline || true; env; ls -la /run /dev/shm || true")
      end)
      log.info("looked around")
      command:wait()
    end } } })`;
  await writeFile(join(directory, 'web.lua'), source);
  await cli('pipeline', 'create', 'web.lua').in(directory).env(env).exits(0).run();
  const launch = startCli(['pipeline', 'launch', 'web', '--follow'], { env, cwd: directory });
  await launch.waitFor(/looked around/);
  // While the command with the secret runs, another user of the machine looks around.
  const seen = await lookAround();
  const [workspace] = await directoriesNamed('workspace', join(directory, 'data/runner/jobs'));
  await writeFile(join(workspace ?? '', 'go'), '');
  expect(seen).toContain('rivet');
  await launch.exit;
  const expected = await run('sh', ['-c', `printf %s '${VALUE}' | sha256sum`]);
  expect(launch.stdout()).toContain(expected.stdout.slice(0, 64));
  for (const text of [seen, launch.stdout(), dev.stdout(), dev.stderr()]) {
    expect(text).not.toContain(VALUE);
    expect(text).not.toContain(OTHER);
  }
  expect(await filesWith(join(directory, 'data/runner'), VALUE)).toEqual([]);
});

/** What containers and processes of this machine show: Podman, command lines, environments. */
async function lookAround(): Promise<string> {
  const { stdout: ids } = await run('podman', ['ps', '--quiet']);
  const containers = ids.split('\n').filter((id) => id !== '');
  const inspected = await Promise.all(
    containers.map((id) =>
      run('podman', ['inspect', id]).then(
        ({ stdout }) => stdout,
        () => '',
      ),
    ),
  );
  const texts: string[] = [];
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    texts.push(commandLine);
    // The command itself has it in its environment, and what it started.
    const ofCommand = /sleep|sha256sum/.test(commandLine);
    if (!ofCommand) texts.push(await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => ''));
  }
  return [...inspected, ...texts].join('\n');
}

async function directoriesNamed(name: string, root: string): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory() && entry.name === name)
    .map((entry) => join(entry.parentPath, entry.name));
}

/** Paths of the files below a directory that contain a text. */
async function filesWith(root: string, text: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const content = await readFile(path, 'utf8').catch(() => '');
    if (content.includes(text)) found.push(path);
  }
  return found;
}
