// The command against a whole installation: `rivet dev`, and everything a person does with its
// server.
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Job, JobDetail, LogLine } from '@rivet/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cli } from '../testing/run-cli.ts';
import { type RunningCli, startCli } from '../testing/running-cli.ts';

let directory: string;
let data: string;
let env: Record<string, string>;
let dev: RunningCli;

const PIPELINES = {
  green: `return pipeline.define({ name = "green", description = "Says hello",
    inputs = { who = { type = "string", default = "world" },
               level = { type = "string", options = { "low", "high" }, required = false } },
    stages = {
      { name = "greet", script = function()
          process.run({ "echo", "hello", input.get("who"), check = true })
          output.set("greeted", input.get("who")) end },
      { name = "after", script = function() log.warning("after") end } } })`,
  red: `return pipeline.define({ name = "red", stages = { { name = "fail", script = function()
      process.run({ "false", check = true }) end } } })`,
  slow: `return pipeline.define({ name = "slow", stages = { { name = "wait", script = function()
      process.run({ "sh", "-c", "echo waiting; sleep 300" }) end } } })`,
  needy: `return pipeline.define({ name = "needy", inputs = { version = { type = "string" } },
    stages = { { name = "a", script = function() end } } })`,
};

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rivet-dev-'));
  data = join(directory, 'data');
  // The database runs as another user, who must get through.
  await chmod(directory, 0o711);
  const config = join(directory, 'config');
  await writeFile(config, '{}');
  env = {
    HOME: process.env.HOME ?? '/',
    ...(process.env.XDG_RUNTIME_DIR === undefined
      ? {}
      : { XDG_RUNTIME_DIR: process.env.XDG_RUNTIME_DIR }),
    RIVET_CONFIG: config,
    RIVET_DEFAULT_IMAGE: 'localhost/rivet/base:latest',
  };
  dev = start('dev', '--port', '0', '--data-dir', data, '--json');
  await dev.waitFor(/"event":"ready"/);
  env.RIVET_URL = JSON.parse(dev.stdout()).url;
  for (const [name, source] of Object.entries(PIPELINES)) {
    await writeFile(join(directory, `${name}.lua`), source);
    await rivet('pipeline', 'create', `${name}.lua`).exits(0).run();
  }
});

afterAll(async () => {
  dev?.signal('SIGTERM');
  await dev?.exit;
  await rm(directory, { recursive: true, force: true });
});

const start = (...args: string[]): RunningCli => startCli(args, { env, cwd: directory });
const rivet = (...args: string[]) =>
  cli(...args)
    .in(directory)
    .env(env);
const json = async <T>(...args: string[]): Promise<T> => {
  const { stdout } = await rivet(...args, '--json')
    .exits(0)
    .run();
  return JSON.parse(stdout) as T;
};
const launch = (...args: string[]): Promise<Job> => json('pipeline', 'launch', ...args);
const ended = async (id: string): Promise<JobDetail> => {
  await expect
    .poll(async () => (await json<JobDetail>('job', 'show', id)).finished_at, { timeout: 30_000 })
    .not.toBeNull();
  return await json('job', 'show', id);
};

describe('pipelines', () => {
  it('are created once for the same files', async () => {
    await rivet('pipeline', 'create', 'green.lua')
      .exits(0)
      .stdout('Nothing changed: the pipeline "green" has these files already (version 1)\n')
      .run();
  });

  it('keep the plugin that they were created with', async () => {
    const plugin = join(directory, 'plugins', 'hello');
    const put = (version: string): Promise<void> =>
      writeFile(
        join(plugin, 'plugin.lua'),
        `return { name = "hello", version = "${version}", needs = { modules = { "output" } },
          functions = { f = function() output.set("from", "${version}") end } }`,
      );
    await mkdir(plugin, { recursive: true });
    await put('1.0.0');
    await writeFile(
      join(directory, 'plugged.lua'),
      `local hello = require("hello")
      return pipeline.define({ name = "plugged", plugins = { "hello" },
        stages = { { name = "a", script = function() hello.f() end } } })`,
    );
    await rivet('pipeline', 'create', 'plugged.lua').exits(0).run();
    await put('1.1.0');
    await rivet('pipeline', 'launch', 'plugged', '--follow').exits(0).run();
    await rivet('pipeline', 'create', 'plugged.lua')
      .exits(0)
      .stdout(/version 2/)
      .run();
    await rm(plugin, { recursive: true });
    await rivet('pipeline', 'show', 'plugged')
      .exits(0)
      .stdout(/Plugins\n {2}hello {2}1\.1\.0\n/)
      .run();
    const { id } = await launch('plugged');
    expect((await ended(id)).outputs).toEqual({ from: '1.1.0' });
    await rivet('pipeline', 'delete', 'plugged').exits(0).run();
  });

  it('are refused with every mistake', async () => {
    await writeFile(join(directory, 'bad.lua'), 'return pipeline.define({ nmae = "x" })');
    await rivet('pipeline', 'create', 'bad.lua')
      .exits(2)
      .stderr(/unknown field "nmae"[\s\S]*did you mean "name"/)
      .run();
  });

  it('are listed and shown', async () => {
    await rivet('pipeline', 'list')
      .exits(0)
      .stdout(/^NAME +VERSION +UPDATED +DESCRIPTION\ngreen +1 .*Says hello$/m)
      .run();
    await rivet('pipeline', 'show', 'green')
      .exits(0)
      .stdout(/who {2}string, default "world"/)
      .stdout(/2\. after {2}after greet/)
      .run();
    await rivet('pipeline', 'show', 'green', '--source')
      .exits(0)
      .stdout(`${PIPELINES.green}\n`)
      .run();
  });

  it('that do not exist are exit code 4', async () => {
    for (const args of [
      ['pipeline', 'show', 'nothing'],
      ['pipeline', 'delete', 'nothing'],
      ['pipeline', 'launch', 'nothing'],
    ]) {
      await rivet(...args)
        .exits(4)
        .stderr(/there is no pipeline "nothing"/)
        .run();
    }
  });

  it('are deleted, when none of their jobs is under way', async () => {
    await writeFile(
      join(directory, 'gone.lua'),
      'return pipeline.define({ name = "gone", stages = { { name = "a", script = function() end } } })',
    );
    await rivet('pipeline', 'create', 'gone.lua').exits(0).run();
    await rivet('pipeline', 'delete', 'gone')
      .exits(0)
      .stdout(/Deleted the pipeline "gone"/)
      .run();
    await rivet('pipeline', 'show', 'gone').exits(4).run();
  });
});

describe('launching', () => {
  it('follows a job to its green end, in order', async () => {
    const { stdout } = await rivet(
      ...['pipeline', 'launch', 'green', '--follow', '--input', 'who=Ada'],
    )
      .exits(0)
      .stdout(/^Job succeeded in/m)
      .stdout(/^Outputs\n {2}greeted = Ada$/m)
      .run();
    const course = ['greet : running', '| hello Ada', 'greet : succeeded', 'after : running'];
    const places = [...course, 'warning: after', 'after : succeeded'].map((part) =>
      stdout.indexOf(part),
    );
    expect(places).not.toContain(-1);
    expect(places).toEqual(places.toSorted((a, b) => a - b));
  });

  it('shows no secret input anywhere, and the summary of the job', async () => {
    await writeFile(
      join(directory, 'hush.lua'),
      `return pipeline.define({ name = "hush",
        inputs = { token = { type = "string", secret = true } },
        stages = { { name = "s", script = function()
          print("token: " .. secret.reveal(input.get("token")))
          job.summary("# Hush\\n\\n" .. secret.reveal(input.get("token")))
          error("failed with " .. secret.reveal(input.get("token")))
        end } } })`,
    );
    await rivet('pipeline', 'create', 'hush.lua').exits(0).run();
    const launched = await rivet(
      ...['pipeline', 'launch', 'hush', '--follow', '--input', 'token=tok-0123456789'],
    )
      .exits(1)
      .stdout(/\| token: \*\*\*$/m)
      .stdout(/failed with \*\*\*$/m)
      .stdout(/^Summary\n {2}# Hush\n\n {2}\*\*\*$/m)
      .run();
    const [job] = (await json<{ items: Job[] }>('job', 'list', '--pipeline', 'hush')).items;
    const shown = await json<JobDetail>('job', 'show', job!.id);
    expect(shown).toMatchObject({ inputs: { token: '***' }, summary: '# Hush\n\n***' });
    const logs = await rivet('job', 'logs', job!.id).exits(0).run();
    const told = JSON.stringify([launched, shown, logs]);
    expect(told).not.toContain('tok-0123456789');
    await rivet('job', 'show', job!.id)
      .exits(0)
      .stdout(/^Summary\n {2}# Hush\n\n {2}\*\*\*$/m)
      .run();
  });

  it('has exit code 1 when the job failed, and says what and where', async () => {
    await rivet('pipeline', 'launch', 'red', '--follow')
      .exits(1)
      .stdout(/^ {2}fail {2}failed/m)
      .stdout(/red\.lua:2/)
      .run();
  });

  it('refuses inputs that are missing, unknown or wrong, before there is a job', async () => {
    await rivet('pipeline', 'launch', 'needy')
      .exits(2)
      .stderr(/required and have no value: version/)
      .run();
    await rivet('pipeline', 'launch', 'green', '--input', 'woh=x')
      .exits(2)
      .stderr(/did you mean "who"/)
      .run();
    await rivet('pipeline', 'launch', 'green', '--input', 'level=hihg')
      .exits(2)
      .stderr(/level/)
      .run();
    const { items } = await json<{ items: Job[] }>('job', 'list', '--pipeline', 'needy');
    expect(items).toEqual([]);
  });

  it('gives the same job for the same key', async () => {
    const first = await launch('green', '--idempotency-key', 'k1');
    const second = await launch('green', '--idempotency-key', 'k1');
    expect(second.id).toBe(first.id);
    await ended(first.id);
  });

  it('takes inputs from standard input, for programs', async () => {
    const { stdout } = await rivet('pipeline', 'launch', 'green', '--input-file', '-', '--json')
      .stdin('{"who": "Grace"}')
      .exits(0)
      .run();
    const { outputs } = await ended(JSON.parse(stdout).id);
    expect(outputs).toEqual({ greeted: 'Grace' });
  });
});

describe('jobs', () => {
  it('are listed, shown, explained and retried', async () => {
    const { id } = await launch('green');
    await ended(id);
    await rivet('job', 'list', '--state', 'succeeded', '--pipeline', 'green', '--limit', '1')
      .exits(0)
      .stdout(/^ID +PIPELINE +STATE +DURATION +CREATED\n[0-9a-f-]{36} +green +succeeded/)
      .run();
    await rivet('job', 'show', id)
      .exits(0)
      .stdout(/State +succeeded[\s\S]*who = world[\s\S]*greet {2}succeeded[\s\S]*greeted = world/)
      .run();
    await rivet('job', 'explain', id)
      .exits(0)
      .stdout(/^The job succeeded\./)
      .run();
    const again = await json<Job>('job', 'retry', id);
    expect(again.id).not.toBe(id);
    expect((await ended(again.id)).inputs).toEqual({ who: 'world' });
  });

  it('have logs: whole, filtered, raw, as JSON', async () => {
    const { id } = await launch('green');
    await ended(id);
    await rivet('job', 'logs', id)
      .exits(0)
      .stdout(/greet \| hello world\n/)
      .run();
    await rivet('job', 'logs', id, '--level', 'warning')
      .exits(0)
      .stdout(/^\S+ after \| warning: after\n$/)
      .run();
    await rivet('job', 'logs', id, '--raw')
      .exits(0)
      .stdout(/hello world\n/)
      .run();
    const { stdout } = await rivet('job', 'logs', id, '--json').exits(0).run();
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as LogLine);
    expect(lines.map((line) => line.n)).toEqual(lines.map((_, at) => at + 1));
    await rivet('job', 'logs', id, '--stage', 'nothing')
      .exits(2)
      .stderr(/has no stage "nothing"; it has greet, after/)
      .run();
    await rivet('job', 'logs', id, '--follow')
      .exits(0)
      .stdout(/^Job succeeded/m)
      .run();
  });

  it('that do not exist are exit code 4', async () => {
    for (const verb of ['show', 'logs', 'cancel', 'retry', 'explain']) {
      await rivet('job', verb, 'ffffffff')
        .exits(4)
        .stderr(/there is no job ffffffff/)
        .run();
    }
  });

  it('go on when their follower is interrupted, and are canceled', async () => {
    const follower = start('pipeline', 'launch', 'slow', '--follow');
    await follower.waitFor(/\| waiting/);
    const id = /^Job (\S+) of/.exec(follower.stdout())?.[1] ?? '';
    follower.signal('SIGINT');
    expect(await follower.exit).toBe(130);
    expect(follower.stderr()).toContain(`Cancel it with: rivet job cancel ${id}`);
    expect(await json<JobDetail>('job', 'show', id)).toMatchObject({ state: 'running' });
    await rivet('job', 'cancel', id)
      .exits(0)
      .stdout(/is being canceled/)
      .run();
    expect(await ended(id)).toMatchObject({ state: 'canceled' });
    // Asking twice is no mistake.
    await rivet('job', 'cancel', id)
      .exits(0)
      .stdout(/is canceled/)
      .run();
  });
});

describe('an installation', () => {
  it('has one runner, which is online', async () => {
    const { items } = await json<{ items: { state: string }[] }>('runner', 'list');
    expect(items).toMatchObject([{ state: 'online' }]);
  });

  it('is found by the doctor', async () => {
    await rivet('doctor')
      .stdout(
        /Server +http:\/\/\S+ answers\n.*Sign-in +as admin \(admin\), with an API key\n.*Runners +1 of 1 online/,
      )
      .run();
  });

  it('refuses a second one on its port or its data', async () => {
    const { port } = new URL(env.RIVET_URL ?? '');
    await rivet('dev', '--port', port, '--data-dir', join(directory, 'other'))
      .exits(1)
      .stderr(/another program uses the port\n {2}Stop that program, or choose another port/)
      .run();
    await rivet('dev', '--port', '0', '--data-dir', data)
      .exits(1)
      .stderr(/in use by process \d+/)
      .run();
  });

  it('keeps its data, ends with its parts when it is killed, and when one of them dies', {
    timeout: 120_000,
  }, async () => {
    const place = join(directory, 'second');
    const first = start('dev', '--port', '0', '--data-dir', place, '--json');
    await first.waitFor(/"event":"ready"/);
    const { url } = JSON.parse(first.stdout());
    await rivet('pipeline', 'create', 'green.lua', '--url', url).exits(0).run();
    first.signal('SIGKILL');
    await first.exit;
    const answers = () =>
      fetch(`${url}/healthz`).then(
        (response) => response.ok,
        () => false,
      );
    await expect.poll(answers, { timeout: 60_000 }).toBe(false);
    const second = start('dev', '--port', '0', '--data-dir', place, '--json');
    await second.waitFor(/"event":"ready"/);
    await rivet('pipeline', 'list', '--url', JSON.parse(second.stdout()).url)
      .exits(0)
      .stdout(/^green/m)
      .run();
    // Nothing is restarted silently: when a part dies, all end.
    process.kill(await runnerPid(place), 'SIGKILL');
    expect(await second.exit).toBe(1);
    expect(second.stderr()).toMatch(/the runner ended by signal SIGKILL/);
    // To a person it tells in words what the programs log.
    const third = startCli(['dev', '--port', '0', '--data-dir', place], {
      env: { ...env, RIVET_LOG_LEVEL: 'info' },
      cwd: directory,
    });
    await third.waitFor(/^Ready at http/m);
    await expect.poll(third.stderr, { timeout: 60_000 }).toMatch(/^runner: online at http/m);
    process.kill(await databasePid(place), 'SIGQUIT');
    expect(await third.exit).toBe(1);
    expect(third.stderr()).toMatch(/the database ended/);
  });
});

/** The server of the database whose data lies below `place`, or where its file "location" says. */
async function databasePid(place: string): Promise<number> {
  const named = await readFile(join(place, 'postgresql', 'location'), 'utf8').catch(() => '');
  const home = named === '' ? join(place, 'postgresql', 'postgresql') : named.trim();
  return Number.parseInt(await readFile(join(home, 'cluster', 'postmaster.pid'), 'utf8'), 10);
}

/** The runner whose state lies below `place`: the process, not the shell that guards it. */
async function runnerPid(place: string): Promise<number> {
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
    const isRunner =
      !command.startsWith('/bin/sh') && /apps\/runner\/src\/main\.ts|\/runner\.cjs/.test(command);
    if (isRunner && environment.includes(place)) return Number(pid);
  }
  throw new Error(`no runner works in ${place}`);
}
