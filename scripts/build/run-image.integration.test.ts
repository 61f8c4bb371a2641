// `rivet run` from its image: the same answers as without, also of what an image cannot hold.
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { outcomeOf, startProcess } from '@rivet/processes';
import { afterAll, beforeAll, expect, it, onTestFinished, vi } from 'vitest';
import { buildRunImage } from './run-image.ts';
import { writeSurroundings } from './surroundings.ts';
import { changeSource } from './testing/change-source.ts';

const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
// The command is started from its sources, beside everything else that is tested.
vi.setConfig({ testTimeout: 60_000 });
let build: string;
let files: string;

beforeAll(async () => {
  build = join(root, 'build', `test-run-image-${process.pid}`);
  files = await mkdtemp(join(tmpdir(), 'rivet-run-image-'));
  await mkdir(build, { recursive: true });
  await writeSurroundings(build);
  await buildRunImage(root, build, { children: new Map(), childPaths: [] });
  // What it becomes where it has no answer of its own.
  await writeFile(join(build, 'rivet.cjs'), 'console.log("built", process.argv.slice(2).join());');
});

afterAll(async () => {
  // What is removed behind a run is removed with Podman, which may write to its home.
  await vi.waitFor(async () => expect(await sweepers()).toEqual([]), { timeout: 60_000 });
  await rm(build, { recursive: true, force: true });
  await rm(files, { recursive: true, force: true });
});

/** Processes that remove what runs left; they are given the directory of the runs. */
async function sweepers(): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const commands = await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
  );
  return commands.filter((words) => words.split('\0').includes(join(files, '.rivet/data')));
}

interface Answer {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** As the launcher starts it. */
const fromImage = (args: readonly string[], from = root): Promise<Answer> =>
  start(['--snapshot-blob', join(build, 'run-image.blob'), from, 'run', ...args]);

const fromSources = (args: readonly string[]): Promise<Answer> =>
  start([join(root, 'apps/cli/src/main.ts'), 'run', ...args]);

async function start(args: readonly string[]): Promise<Answer> {
  const env = {
    PATH: process.env.PATH,
    HOME: files,
    RIVET_BUNDLED: 'off',
    RIVET_POLICY_FILE: join(files, 'policy.json'),
  };
  const child = startProcess({
    file: process.execPath,
    args,
    env,
    cwd: files,
    stdin: 'ignore',
  });
  const { code, stdout, stderr } = await outcomeOf(child);
  return { code, stdout, stderr };
}

async function write(script: string, allowed: readonly string[] = []): Promise<string> {
  await writeFile(join(files, 'policy.json'), JSON.stringify({ http: { allow: allowed } }));
  const source = `return pipeline.define({
    name = "x",
    inputs = { url = { type = "string" } },
    stages = { { name = "one", script = function() ${script} end } },
  })`;
  await writeFile(join(files, 'x.lua'), source);
  return 'x.lua';
}

it.each([
  ['a plan', ['--dry-run', '--input', 'url=a'], 0],
  ['a plan as JSON', ['--dry-run', '--json', '--input', 'url=a'], 0],
  ['an input that is missing', ['--empty'], 2],
  ['an unknown option, as JSON', ['--emty', '--json'], 2],
])('answers as the command does: %s', async (_, args, code) => {
  const file = await write('process.run({ "true" })');
  const [image, command] = await Promise.all([
    fromImage([file, ...args]),
    fromSources([file, ...args]),
  ]);
  expect(image).toEqual(command);
  expect(image.code).toBe(code);
});

it('runs a job with all that it loads for it: requests, YAML, time, files', async () => {
  const server = createServer((_, response) => response.end('a: [1, 2]'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const file = await write(
    `local read = yaml.decode(http.get(input.get("url")).body)
     fs.write("kept", tostring(read.a[2]))
     time.sleep("1ms")
     output.set("kept", fs.read("kept"))`,
    ['127.0.0.1'],
  );
  const url = `url=http://127.0.0.1:${port}/`;
  const { code, stdout } = await fromImage([file, '--empty', '--json', '--input', url]);
  const last = JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
  expect(last).toMatchObject({ type: 'end', state: 'succeeded', outputs: { kept: '2' } });
  expect(code).toBe(0);
});

it('gives each run an id of its own', async () => {
  const file = await write('output.set("id", job.id)');
  const args = [file, '--empty', '--json', '--input', 'url=a'];
  const answers = await Promise.all([fromImage(args), fromImage(args)]);
  const ids = answers.map(({ stdout }) => /"id":"([^"]+)"/.exec(stdout)?.[1]);
  expect(ids[0]).toMatch(/^[0-9a-f-]{36}$/);
  expect(ids[1]).toMatch(/^[0-9a-f-]{36}$/);
  expect(new Set(ids).size).toBe(2);
});

const becomes = { code: 0, stdout: 'built run,x.lua,--help\n' };

it('becomes the whole program where it is asked for help', async () => {
  expect(await fromImage(['x.lua', '--help'])).toMatchObject(becomes);
});

it('becomes the whole program in a tree that it was not made in', async () => {
  const answer = await fromImage(['x.lua', '--dry-run'], join(root, 'elsewhere'));
  expect(answer).toMatchObject({ code: 0, stdout: 'built run,x.lua,--dry-run\n' });
});

it('becomes the whole program when a source has changed', async () => {
  await changeSource(build, 'run-image');
  const answer = await fromImage(['x.lua', '--dry-run']);
  expect(answer).toMatchObject({ code: 0, stdout: 'built run,x.lua,--dry-run\n' });
});
