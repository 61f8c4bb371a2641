// `npm run demo`: the main job of Rivet from nothing to a green end, with its real parts. Starts
// everything in one process tree, creates the example pipeline, launches it, follows its log, and
// stops what it started.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const launcher = 'apps/cli/bin/rivet';
const example = 'examples/build-and-test/pipeline.lua';
const startDeadlineMs = 120_000;

const say = (text: string): void => {
  process.stdout.write(`\ndemo: ${text}\n`);
};

const directory = await mkdtemp(join(tmpdir(), 'rivet-demo-'));
// PostgreSQL does not run as root: its own user must be able to pass through to its data.
await chmod(directory, 0o711);
const port = await freePort();
const url = `http://127.0.0.1:${port}`;
// `rivet dev` signs the commands in by this file, and leaves that of the user alone.
const config = join(directory, 'config');
await writeFile(config, '{}');
const env = {
  ...withoutRivet(process.env),
  RIVET_URL: url,
  RIVET_CONFIG: config,
  RIVET_DEFAULT_IMAGE: process.env.RIVET_DEFAULT_IMAGE ?? 'localhost/rivet/base:latest',
};

say('1. Starting PostgreSQL, an orchestrator and a runner (`rivet dev`)');
const dev = spawn(launcher, ['dev', '--data-dir', directory, '--port', String(port)], {
  env,
  stdio: ['ignore', 'inherit', 'inherit'],
});
const stopOnSignal = (signal: NodeJS.Signals): void => void dev.kill(signal);
process.on('SIGINT', stopOnSignal);
process.on('SIGTERM', stopOnSignal);

try {
  await waitUntilReady(dev);
  say(`2. Creating the pipeline of ${example} (\`rivet pipeline create\`)`);
  rivet('pipeline', 'create', example);
  say('3. Launching it with an input and following its log (`rivet pipeline launch --follow`)');
  rivet(
    'pipeline',
    'launch',
    'build-and-test',
    '--input',
    'greeting=Hello from the demo',
    '--follow',
  );
  say('4. Its jobs (`rivet job list`)');
  rivet('job', 'list');
  say('Green. Next: `npm run rivet -- init my-pipeline`, or read docs/guide/getting-started.md.');
} catch (error) {
  process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
} finally {
  await stop(dev);
  await rm(directory, { recursive: true, force: true });
}

function rivet(...args: string[]): void {
  try {
    execFileSync(launcher, args, { env, stdio: 'inherit' });
  } catch {
    throw new Error(`\`rivet ${args.join(' ')}\` failed; its message is above.`);
  }
}

/** Waits until `rivet dev` has signed in, which it does when everything works. */
async function waitUntilReady(server: ChildProcess): Promise<void> {
  const deadline = Date.now() + startDeadlineMs;
  while (Date.now() < deadline) {
    if (server.exitCode !== null) throw new Error('`rivet dev` ended; its message is above.');
    if ((await readFile(config, 'utf8')).includes(url)) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`Rivet was not ready within ${startDeadlineMs / 1000} seconds.`);
}

/** What somebody has set for servers of their own is not for this one. */
function withoutRivet(all: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const theirs = /^(RIVET_(?!DEFAULT_IMAGE|LOG_LEVEL)|DATABASE_URL)/;
  return Object.fromEntries(Object.entries(all).filter(([name]) => !theirs.test(name)));
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 30_000);
  await ended;
  clearTimeout(timer);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no free port was found');
  return address.port;
}
