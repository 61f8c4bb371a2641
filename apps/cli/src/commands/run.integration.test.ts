// `rivet run` with real Podman: what a pipeline sees, how it ends, and that nothing stays behind.
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { startProcess } from '@rivet/processes';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { cli, LAUNCHER } from '../testing/run-cli.ts';
import { type RunningCli, startCli } from '../testing/running-cli.ts';
import { openTerminal, terminalMissing } from '../testing/terminal.ts';

const IMAGE = 'localhost/rivet/base:latest';

let directory: string;
let data: string;
let env: Record<string, string>;
let running: RunningCli[] = [];

/** For what goes on after a run has ended. */
const WITHIN = { timeout: 30_000, interval: 200 };

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rivet-run-'));
  data = await mkdtemp(join(tmpdir(), 'rivet-data-'));
  const config = join(data, 'config');
  await writeFile(config, '{}');
  env = {
    // Podman's images and settings are those of the user.
    HOME: process.env.HOME ?? '/',
    ...(process.env.XDG_RUNTIME_DIR === undefined
      ? {}
      : { XDG_RUNTIME_DIR: process.env.XDG_RUNTIME_DIR }),
    RIVET_CONFIG: config,
    RIVET_DATA_DIRECTORY: data,
    RIVET_DEFAULT_IMAGE: IMAGE,
    GIT_CEILING_DIRECTORIES: tmpdir(),
  };
});
afterEach(async () => {
  for (const program of running) program.signal('SIGKILL');
  await Promise.all(running.map((program) => program.exit));
  running = [];
  await vi.waitFor(async () => expect(await endedRuns()).toEqual([]), WITHIN);
  await rm(directory, { recursive: true, force: true });
  await rm(data, { recursive: true, force: true });
});

const pipeline = (script: string): Promise<void> =>
  writeFile(
    join(directory, 'pipeline.lua'),
    `return pipeline.define({ name = "demo", stages = {
      { name = "work", script = function()\n${script}\nend },
      { name = "after", script = function() log.info("after") end } } })`,
  );
const run = (...args: string[]) =>
  cli('run', 'pipeline.lua', ...args)
    .in(directory)
    .env(env);
const start = (...args: string[]): RunningCli => {
  const program = startCli(['run', 'pipeline.lua', ...args], { env, cwd: directory });
  running.push(program);
  return program;
};
/**
 * Names of the containers that belong to runs of this test: their control directories lie in its
 * data directory.
 */
const containers = async (): Promise<string[]> => {
  const names = (await podman('ps', '--all', '--format={{.Names}}')).split('\n');
  // All in one look, as others have many: of one that is gone meanwhile nothing is said.
  const format = '--format={{.Name}} {{range .Mounts}}{{.Source}} {{end}}';
  const known = names.filter((name) => name !== '');
  if (known.length === 0) return [];
  const lines = (await podman('inspect', '--type=container', format, ...known)).split('\n');
  return lines.filter((line) => line.includes(data)).map((line) => line.split(' ', 1)[0] ?? '');
};
async function podman(...args: string[]): Promise<string> {
  const child = startProcess({
    file: 'podman',
    args,
    env: { PATH: process.env.PATH, ...env },
    stderr: 'ignore',
  });
  const text = await readAll(child.stdout);
  await child.exit;
  return text;
}
const leftovers = async () => ({
  containers: await containers(),
  runs: await readdir(join(data, 'runs')).catch(() => []),
});
/** Records and files go when the run has ended, without anybody waiting for it. */
const nothingIsLeft = (): Promise<void> =>
  vi.waitFor(async () => expect(await leftovers()).toEqual({ containers: [], runs: [] }), WITHIN);
/** Runs whose remains are being removed. */
const endedRuns = async (): Promise<string[]> => {
  const runs = await readdir(join(data, 'runs')).catch(() => []);
  const owners = runs.map((run) =>
    readFile(join(data, 'runs', run, 'owner.json'), 'utf8').catch(() => ''),
  );
  return (await Promise.all(owners)).filter((owner) => owner.includes('"ended":true'));
};

describe('rivet run', () => {
  it('runs a pipeline to a green end, with outputs, and leaves nothing', async () => {
    await pipeline('process.run({ "echo", "hello", check = true })\noutput.set("answer", 42)');
    await run()
      .exits(0)
      .stdout(/^\d\d:\d\d:\d\d work {2}: running$/m)
      .stdout(/^\d\d:\d\d:\d\d work {2}\| hello$/m)
      .stdout(/^Job succeeded in /m)
      .stdout(/^Outputs\n {2}answer = 42$/m)
      .run();
    await nothingIsLeft();
  });

  it('ends with exit code 1 and says which stage, which line and what to do', async () => {
    await pipeline('process.run({ "sh", "-c", "echo broken >&2; exit 3", check = true })');
    await run()
      .exits(1)
      .stdout(/^ {2}work {3}failed/m)
      .stdout(/^ {2}after {2}skipped/m)
      .stdout(/^Job failed after .*\(stage_failed\)$/m)
      .stdout(/^ {2}stage "work" failed: pipeline\.lua:3: sh -c .* failed with exit code 3/m)
      .stdout(/\(RIVET_PROCESS_FAILED\)$/m)
      .run();
    await nothingIsLeft();
  });

  it('gives programs one event a line', async () => {
    await pipeline('process.run({ "echo", "hello" })\noutput.set("a", { 1, 2 })');
    const { stdout } = await run('--json').exits(0).run();
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events).toContainEqual(
      expect.objectContaining({ type: 'line', stage: 'work', stream: 'stdout', text: 'hello' }),
    );
    expect(events).toContainEqual(
      expect.objectContaining({ type: 'stage', stage: 'work', state: 'succeeded' }),
    );
    expect(events.at(-1)).toMatchObject({
      type: 'end',
      state: 'succeeded',
      outputs: { a: [1, 2] },
    });
  });

  it('gives secrets to commands, shows stars, and ends with the summary of the job', async () => {
    await writeFile(
      join(directory, 'pipeline.lua'),
      `return pipeline.define({ name = "demo", secrets = { "TOKEN", "KEY" },
        inputs = { pin = { type = "string", secret = true } },
        stages = { { name = "work", script = function()
          process.sh('echo "$T $P" | base64; echo "$T"; echo $(echo -n "$T" | wc -c) bytes',
            { env = { T = secret.get("TOKEN"), P = input.get("pin") } })
          process.run({ "cat", secret.file("KEY") })
          job.summary("# Done\\nwith " .. secret.reveal(secret.get("TOKEN")))
        end } } })`,
    );
    await writeFile(join(directory, 'key'), 'first line\nsecond line\n');
    const token = 'tok-0123456789abcdef';
    const { stdout, stderr } = await run(
      ...['--secret', 'TOKEN', '--secret', 'KEY=@key', '--input', 'pin=pin-9876543210'],
    )
      .env({ TOKEN: token })
      .exits(0)
      .stdout(/\| \*\*\*$/m)
      .stdout(/\| 20 bytes$/m)
      .stdout(/^Summary\n {2}# Done\n {2}with \*\*\*$/m)
      .run();
    const told = stdout + stderr;
    for (const part of [token, 'pin-98', 'first line', 'second line', btoa(token).slice(0, 12)]) {
      expect(told).not.toContain(part);
    }
    await run('--input', 'pin=abc')
      .exits(2)
      .stderr(/"pin" is too short for a secret/)
      .run();
    await nothingIsLeft();
  });

  it('runs one stage and what it needs', async () => {
    await pipeline('log.info("only work")');
    await run('--stage', 'work')
      .exits(0)
      .stdout(/only work/)
      .stdout(/^ {2}after {2}skipped/m)
      .run();
  });

  it('says in one sentence that an image is not there', async () => {
    await pipeline('process.run({ "true" })');
    await run('--image', 'localhost/rivet/no-such-image:1')
      .exits(1)
      .stdout(/no-such-image/)
      .run();
    await nothingIsLeft();
  });

  it('says that Podman is missing, and what to do', async () => {
    await pipeline('process.run({ "true" })');
    const { stdout, stderr } = await run().env({ PATH: directory }).exits(1).run();
    expect(stdout + stderr).toMatch(/podman/i);
  });
});

describe('the workspace', () => {
  it('starts as a copy: what stages write does not reach your files', async () => {
    await writeFile(join(directory, 'data.txt'), 'mine');
    await pipeline('process.sh("cat data.txt; echo changed > data.txt; touch new")');
    await run()
      .exits(0)
      .stdout(/\| mine$/m)
      .run();
    expect(await readFile(join(directory, 'data.txt'), 'utf8')).toBe('mine');
    expect((await readdir(directory)).sort()).toEqual(['data.txt', 'pipeline.lua']);
    await nothingIsLeft();
  });

  it('is the directory itself with --bind', async () => {
    await pipeline('process.sh("echo result > out.txt")');
    await run('--bind', '.').exits(0).run();
    expect(await readFile(join(directory, 'out.txt'), 'utf8')).toBe('result\n');
  });

  it('is empty with --empty', async () => {
    await pipeline('process.sh("ls -A | wc -l")');
    await run('--empty').exits(0).stdout(/\| 0$/m).run();
  });

  it('is kept with --keep, which says where', async () => {
    await pipeline('process.sh("echo kept > file")');
    const { stderr } = await run('--keep').exits(0).run();
    const path = /The workspace is kept at (.+)/.exec(stderr)?.[1] ?? '';
    expect(await readFile(join(path, 'file'), 'utf8')).toBe('kept\n');
    expect(await containers()).toEqual([]);
    // Not by a later run either.
    await run('--empty').exits(0).run();
    await vi.waitFor(async () => expect(await readdir(join(data, 'runs'))).toHaveLength(1), WITHIN);
    expect(await readFile(join(path, 'file'), 'utf8')).toBe('kept\n');
  });
});

describe('interruption', () => {
  const sleeper = 'process.run({ "sh", "-c", "echo started; sleep 300" })';

  it('Ctrl-C cancels the job, cleans up and exits 130', async () => {
    await pipeline(sleeper);
    const program = start();
    await program.waitFor(/\| started/);
    program.signal('SIGINT');
    expect(await program.exit).toBe(130);
    expect(program.stderr()).toMatch(/Canceling the job and cleaning up; once more forces\./);
    expect(program.stdout()).toMatch(/^Job canceled after/m);
    await nothingIsLeft();
  });

  it('a second Ctrl-C forces where a command does not listen', async () => {
    await writeFile(
      join(directory, 'pipeline.lua'),
      `return pipeline.define({ name = "demo", stages = {
        { name = "work", script = function()
          process.sh("trap '' TERM INT; echo started; while :; do sleep 1; done")
        end },
        { name = "tidy", always = true, script = function() process.sh("sleep 300") end } } })`,
    );
    const program = start();
    await program.waitFor(/\| started/);
    const began = performance.now();
    program.signal('SIGINT');
    await program.waitFor(/once more forces/);
    program.signal('SIGINT');
    expect(await program.exit).toBe(130);
    // Unforced it is 5 s until the command is killed, and 30 s until the last stage is.
    expect(performance.now() - began).toBeLessThan(30_000);
    await nothingIsLeft();
  });

  it('what a killed run left is removed by the next one', async () => {
    await pipeline(sleeper);
    const program = start();
    await program.waitFor(/\| started/);
    program.signal('SIGKILL');
    await program.exit;
    expect((await containers()).length).toBe(1);
    await pipeline('log.info("next")');
    await run().exits(0).run();
    await nothingIsLeft();
  });

  it('a reader that goes away cancels the job', async () => {
    await pipeline('for _ = 1, 600 do log.info("line"); time.sleep(0.05) end');
    const shell = startProcess({
      file: '/bin/sh',
      args: [
        '-c',
        '{ "$0" "$@"; echo "code $?" >&2; } | head -n 1',
        LAUNCHER,
        'run',
        'pipeline.lua',
      ],
      env: { PATH: process.env.PATH, ...env },
      cwd: directory,
    });
    const [stderr] = await Promise.all([readAll(shell.stderr), readAll(shell.stdout)]);
    await shell.exit;
    expect(stderr).toMatch(/code 130/);
    await nothingIsLeft();
  });
});

const noTerminal = terminalMissing();
describe.skipIf(noTerminal !== undefined)(`at a terminal (${noTerminal ?? 'script'})`, () => {
  it('lets a stage that always runs clean up after Ctrl-C, which reaches every process', async () => {
    await writeFile(
      join(directory, 'pipeline.lua'),
      `return pipeline.define({ name = "demo", stages = {
        { name = "work", script = function() process.sh("echo begun; sleep 300") end },
        { name = "tidy", always = true, script = function() process.sh("echo tidied") end } } })`,
    );
    const terminal = openTerminal(['run', 'pipeline.lua'], { env, cwd: directory });
    try {
      await terminal.waitFor(/\| begun/);
      terminal.type('\u0003');
      await terminal.waitFor(/\| tidied/);
      await terminal.waitFor(/Job canceled/);
      expect((await terminal.exit).code).toBe(130);
    } finally {
      terminal.kill();
    }
    await nothingIsLeft();
  });

  it('shows a moving status below the log, and only inert text', async () => {
    await pipeline(
      'process.run({ "printf", "\\\\033]0;owned\\\\007\\\\033[31mred\\\\033[0m\\\\n" })\ntime.sleep(0.5)',
    );
    const terminal = openTerminal(['run', 'pipeline.lua'], { env, cwd: directory });
    try {
      await terminal.waitFor(/[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] work {2}\d/);
      await terminal.waitFor(/Job succeeded/);
      expect((await terminal.exit).code).toBe(0);
    } finally {
      terminal.kill();
    }
    expect(terminal.text()).not.toContain('\u001b]0;owned');
    expect(terminal.text()).toContain('\u001b[31mred\u001b[0m');
  });
});

/** All text of a pipe. */
async function readAll(stream: Readable | undefined): Promise<string> {
  return stream === undefined ? '' : await text(stream);
}
