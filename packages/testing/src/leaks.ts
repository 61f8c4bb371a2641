// Finds what tests left behind: containers, processes and files that belong to the directory of the
// run.
import { readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { sleep } from '@rivet/base';
import { startProcess } from '@rivet/processes';

/**
 * What is there for whatever comes next: of vitest, of Node, and of the Podman of an ordinary user
 * who has no directory for the session.
 */
const KEPT = /^(?:vitest|node-compile-cache|v8-compile-cache|(?:podman-run|containers-user)-\d+$)/;

/**
 * One line for each thing that still uses `directory`.
 * @param patienceMs how long to wait for what is just ending
 */
export async function findLeaks(directory: string, patienceMs: number): Promise<string[]> {
  const until = performance.now() + patienceMs;
  for (;;) {
    const found = await Promise.all([
      leakedFiles(directory),
      leakedProcesses(directory),
      leakedContainers(directory),
    ]);
    const leaks = found.flat();
    if (leaks.length === 0 || performance.now() > until) return leaks;
    await sleep(100);
  }
}

async function leakedFiles(directory: string): Promise<string[]> {
  const names = await readdir(directory).catch(() => []);
  return names.filter((name) => !KEPT.test(name)).map((name) => `file ${join(directory, name)}`);
}

/** Processes that work in the directory or were started with a path in it. */
async function leakedProcesses(directory: string): Promise<string[]> {
  const pids = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => '');
      const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      const uses = cwd.startsWith(directory) || command.includes(directory);
      return uses ? [`process ${pid}: ${command.replaceAll('\0', ' ').slice(0, 200)}`] : [];
    }),
  );
  return found.flat();
}

/** Containers that mount something of the directory: each mounts its control directory. */
async function leakedContainers(directory: string): Promise<string[]> {
  const ids = (await podman(['ps', '--all', '--quiet'])).split('\n').filter((id) => id !== '');
  if (ids.length === 0) return [];
  const described = await podman([
    'inspect',
    '--type=container',
    '--format={{.Name}} {{range .Mounts}}{{.Source}} {{end}}',
    ...ids,
  ]);
  return described
    .split('\n')
    .filter((line) => line.includes(directory))
    .map((line) => `container ${line.split(' ', 1)[0]}`);
}

/** Output of podman; nothing where there is none. */
async function podman(args: readonly string[]): Promise<string> {
  const child = startProcess({
    file: 'podman',
    args,
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      XDG_RUNTIME_DIR: process.env.XDG_RUNTIME_DIR,
    },
    stdin: 'ignore',
    stderr: 'ignore',
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), 20_000);
  let output = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  await child.exit;
  clearTimeout(timer);
  return output;
}
