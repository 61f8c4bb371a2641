// The least that a job of short commands can be: three commits, a shell in a container that is told
// of each command through a FIFO, and the end of that container. The peer of the benchmark
// overhead.
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@rivet/base';
import { identifyProcess, killProcess } from '@rivet/processes';
import { createDatabase } from '@rivet/store';
import { BASE_IMAGE, runCommand } from './command.ts';
import { timed } from './measure.ts';
import { podmanFlags } from './podman-flags.ts';

const ANSWER_MS = 30_000;
const KILL_MS = 10_000;

/** All in milliseconds. */
export interface BareTimes {
  /** From the commit of the launch, its own included, to the commit of the end. */
  readonly wall: number;
  /** The commands, asked for one after the other. */
  readonly asked: number;
  /** The same commands in one loop of the shell, which nobody asks for anything. */
  readonly loop: number;
}

export interface BareJobs {
  run(): Promise<BareTimes>;
  close(): Promise<void>;
}

/**
 * Makes the table of the jobs.
 * @param command one word of the shell after the other, without quotes
 */
export async function openBareJobs(
  databaseUrl: string,
  command: string,
  count: number,
): Promise<BareJobs> {
  const database = createDatabase({
    url: databaseUrl,
    applicationName: 'rivet-bench-bare',
    logger: silentLogger,
    connectionsMax: 1,
  });
  const commit = (text: string, values: readonly unknown[] = []) =>
    database.query({ name: '', text, repeatable: false }, values);
  await commit('CREATE TABLE bench_bare_jobs (id uuid PRIMARY KEY, state text NOT NULL)');
  return {
    async run() {
      const shell = await startShell(command, count);
      try {
        const loop = await timed(() => shell.ask('loop'));
        const id = randomUUID();
        let asked = 0;
        const wall = await timed(async () => {
          await commit(`INSERT INTO bench_bare_jobs VALUES ($1, 'queued')`, [id]);
          await commit(`UPDATE bench_bare_jobs SET state = 'running' WHERE id = $1`, [id]);
          asked = await timed(async () => {
            for (let n = 0; n < count; n += 1) await shell.ask('one');
          });
          await shell.kill();
          await commit(`UPDATE bench_bare_jobs SET state = 'succeeded' WHERE id = $1`, [id]);
        });
        return { wall, asked, loop };
      } finally {
        await shell.remove();
      }
    },
    close: () => database.close(),
  };
}

interface BareShell {
  /** Resolves when it has done `one` command, or all of them in a `loop`. */
  ask(what: 'one' | 'loop'): Promise<void>;
  kill(): Promise<void>;
  remove(): Promise<void>;
}

async function startShell(command: string, count: number): Promise<BareShell> {
  const { global, run } = await podmanFlags();
  const directory = await mkdtemp(join(tmpdir(), 'rivet-bench-bare-'));
  const name = `rivet-bench-${randomUUID()}`;
  const [ask, told, pidFile] = ['ask', 'told', 'pid'].map((file) => join(directory, file)) as [
    string,
    string,
    string,
  ];
  const remove = async (): Promise<void> => {
    await runCommand('podman', [...global, 'rm', '--force', '--ignore', '--time', '0', name]);
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await runCommand('mkfifo', [ask, told]);
    const script = `exec 3<>/bench/ask 4<>/bench/told
while read -r word <&3; do
  case $word in
    one) ${command} ;;
    loop) i=0; while [ $i -lt ${count} ]; do ${command}; i=$((i + 1)); done ;;
  esac
  echo done >&4
done`;
    const mount = `--mount=type=bind,source=${directory},target=/bench`;
    const start = ['run', '--detach', `--name=${name}`, `--pidfile=${pidFile}`, mount, ...run];
    await runCommand('podman', [...global, ...start, BASE_IMAGE, 'sh', '-c', script]);
    const main = await identifyProcess(Number(await readFile(pidFile, 'utf8')));
    if (main === undefined) throw new Error('the shell of the bare job has ended');
    const asking = openSync(ask, constants.O_RDWR | constants.O_NONBLOCK);
    const answers = new Socket({ fd: openSync(told, constants.O_RDWR | constants.O_NONBLOCK) });
    return {
      async ask(what) {
        const answered = once(answers, 'data', { signal: AbortSignal.timeout(ANSWER_MS) });
        writeSync(asking, `${what}\n`);
        await answered;
      },
      async kill() {
        if (!(await killProcess(main, KILL_MS))) throw new Error('the shell did not end');
      },
      async remove() {
        closeSync(asking);
        answers.destroy();
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}
