// Logs: one of 100 MB from its container to the database, beside bare podman; those of 50 jobs at
// once into the database, beside COPY of the same bytes.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { BlockBytes, type Client, encodeLogBlock, type LogBlock } from '@rivet/protocol';
import { BASE_IMAGE, runCommand } from './command.ts';
import { type Installation, waitForEnd, withInstallation } from './installation.ts';
import { LOG_LINE_BYTES, type LogContent, logContents } from './log-contents.ts';
import {
  alternate,
  type Benchmark,
  oursAtMost,
  type Pair,
  type Row,
  ratioAtLeast,
  ratioAtMost,
  row,
} from './measure.ts';
import { podmanFlags } from './podman-flags.ts';
import { registerRunners, SimulatedRunner } from './simulated-runner.ts';

const SECRETS = Array.from({ length: 20 }, (_, index) => `bench-secret-${index}-hunter2`);
const JOBS = 50;
const JOB_LINES = 20_000;
const REPORT_BLOCKS = 8;
const BLOCK_LINES = 1300;

const pipelineOf = ({ name, program }: LogContent): string => `
return pipeline.define({
  name = "bench-logs-${name}",
  stages = {
    { name = "write", script = function()
        process.sh([==[awk '${program}' > log.txt]==])
        for index = 0, ${SECRETS.length - 1} do log.mask("bench-secret-" .. index .. "-hunter2") end
      end },
    { name = "print", needs = { "write" }, script = function()
        process.run({ "cat", "log.txt" })
      end },
  },
})`;

const small = `
return pipeline.define({
  name = "bench-small",
  stages = { { name = "one", script = function() end } },
})`;

export const logBenchmark: Benchmark = {
  name: 'logs',
  about: 'a log of 100 MB from a command to the database, and those of 50 jobs at once',
  async run(rounds) {
    const lagDirectory = await mkdtemp(join(tmpdir(), 'rivet-bench-lag-'));
    try {
      return [
        ...(await withInstallation(
          {
            runners: 1,
            runnerSettings: {
              RIVET_JOB_LOG_MAX: '200MB',
              NODE_OPTIONS: '--import=./bench/src/loop-lag-main.ts',
              BENCH_LAG: lagDirectory,
            },
          },
          (installation) => oneLog(installation, rounds, lagDirectory),
        )),
        await withInstallation({ orchestratorSettings: { RIVET_LEASE: '1h' } }, (installation) =>
          manyLogs(installation, rounds),
        ),
      ];
    } finally {
      await rm(lagDirectory, { recursive: true, force: true });
    }
  },
};

/** Of one content: how long it took, and what the runner had while it printed. */
interface MeasuredLog extends Pair {
  /** More than before it printed, at its peak, in bytes. */
  readonly memory: readonly number[];
  /** The same of the log that is not counted. */
  readonly firstMemory: number;
  /** Of its event loop, p99, in milliseconds. */
  readonly lag: readonly number[];
}

async function oneLog(
  installation: Installation,
  rounds: number,
  lagDirectory: string,
): Promise<Row[]> {
  const times: Row[] = [];
  const runner: Row[] = [];
  for (const content of logContents) {
    const measured = await measureLog(installation, content, rounds, lagDirectory);
    const { memory, firstMemory, lag, ...time } = measured;
    const name = `log of one job, 1,000,000 lines${content.title}`;
    times.push(
      row({
        name,
        against: 'podman run cat FILE >/dev/null',
        unit: 'ms',
        note: `redacted, from the command to the last line in the database; ${content.note}`,
        ...time,
        target: ratioAtMost(2),
      }),
    );
    runner.push(
      row({
        name: `${name}: memory of the runner`,
        unit: 'MB',
        note: 'its peak beside what it had before',
        // The most that it ever took.
        figure: 'p99',
        ours: memory.map((bytes) => Math.max(0, bytes) / 1e6),
        target: oursAtMost(32 * 1.048576),
      }),
      row({
        name: `${name}: event loop of the runner, p99`,
        unit: 'ms',
        ours: lag,
        target: oursAtMost(50),
      }),
    );
    if (content !== logContents[0]) continue;
    runner.push(
      row({
        name: `${name}: memory of the runner, the first time`,
        unit: 'MB',
        note: 'of it some stays for the logs that follow',
        ours: [firstMemory / 1e6],
        target: oursAtMost(32 * 1.048576),
      }),
    );
  }
  return [...times, ...runner];
}

async function measureLog(
  installation: Installation,
  content: LogContent,
  rounds: number,
  lagDirectory: string,
): Promise<MeasuredLog> {
  const { client, directory, runners, createPipeline } = installation;
  const [runner] = runners;
  if (runner === undefined) throw new Error('no runner was started');
  const { global, run } = await podmanFlags();
  const bare = [...global, 'run', '--rm', ...run, '-v', `${directory}:/bench`, BASE_IMAGE];
  await runCommand('podman', [...bare, 'sh', '-c', `awk '${content.program}' > /bench/log.txt`]);
  const ref = await createPipeline(pipelineOf(content));
  const memory: number[] = [];
  const lag: number[] = [];
  let checked = false;
  const ours = async (): Promise<number> => {
    const { id } = await client.launchPipeline({ ref, body: {} });
    const before = await memoryWhenPrinting(client, id, runner.pid);
    runner.kill('SIGUSR2');
    const end = await waitForEnd(client, id);
    const detail = await client.getJob({ id });
    const from = detail.stages.find(({ name }) => name === 'print')?.started_at;
    if (end.state !== 'succeeded' || from == null || end.finished_at === null) {
      throw new Error(`job ${id} ended as ${end.state}: ${end.message ?? ''}`);
    }
    memory.push((await peakBytes(runner.pid)) - before);
    // It is written ten times a second.
    await sleep(150);
    lag.push(Number(await readFile(join(lagDirectory, `lag-${runner.pid}`), 'utf8')));
    if (!checked) await checkLog(client, id, await readFile(join(directory, 'log.txt'), 'utf8'));
    checked = true;
    return Date.parse(end.finished_at) - Date.parse(from);
  };
  const peer = async (): Promise<number> => {
    const start = performance.now();
    const cat = ['podman', ...bare, 'cat', '/bench/log.txt'];
    await runCommand('sh', ['-c', 'exec "$@" > /dev/null', 'sh', ...cat]);
    return performance.now() - start;
  };
  const measured = await alternate(rounds, ours, peer);
  // Without the warm-up, as the times.
  const [firstMemory = Number.NaN, ...others] = memory;
  return { ...measured, memory: others, firstMemory, lag: lag.slice(1) };
}

/** Waits until the job prints; gives what the runner has then, and lets its peak count from there. */
async function memoryWhenPrinting(client: Client, id: string, pid: number): Promise<number> {
  const signal = AbortSignal.timeout(120_000);
  for await (const event of client.streamJobEvents({ id, signal })) {
    if (event.event !== 'job') throw new Error(`job ${id} ended before it printed`);
    const print = event.data.stages.find(({ name }) => name === 'print');
    if (print?.state !== 'running') continue;
    // The kernel counts the peak anew.
    await writeFile(`/proc/${pid}/clear_refs`, '5');
    return memoryOf(pid, 'VmRSS');
  }
  throw new Error(`the events of job ${id} ended`);
}

function peakBytes(pid: number): Promise<number> {
  return memoryOf(pid, 'VmHWM');
}

async function memoryOf(pid: number, field: 'VmRSS' | 'VmHWM'): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) * 1024;
}

/** @throws when a line of the file is missing in the log, or at another place */
async function checkLog(client: Client, id: string, file: string): Promise<void> {
  const expected = file.split('\n').slice(0, -1);
  let found = 0;
  for (let after = 0; ; ) {
    const page = await client.getJobLogs({ id, query: { after, limit: 10_000, stage: 'print' } });
    for (const { stream, text } of page.lines) {
      if (stream !== 'stdout') continue;
      if (text !== expected[found]) throw new Error(`line ${found + 1} of the log is ${text}`);
      found += 1;
    }
    if (page.complete || page.last === after) break;
    after = page.last;
  }
  if (found !== expected.length)
    throw new Error(`${found} of ${expected.length} lines were stored`);
}

async function manyLogs(installation: Installation, rounds: number): Promise<Row> {
  const { client, databaseUrl, directory, orchestrators, createPipeline } = installation;
  const [{ url } = { url: '' }] = orchestrators;
  const text = await readFile(join(directory, 'log.txt'), 'utf8').catch(() => sampleText());
  const lines = text.split('\n').slice(0, JOB_LINES);
  const bytes = lines.reduce((sum, line) => sum + Buffer.byteLength(line) + 1, 0) * JOBS;
  const file = join(directory, 'copy.txt');
  await writeFile(file, `${lines.join('\n')}\n`.repeat(JOBS), { mode: 0o644 });
  await createPipeline(small);
  const shape = { client, url, count: JOBS, capacity: 1000 };
  const runners = (await registerRunners(shape)).map(
    (identity) => new SimulatedRunner({ ...identity, url, capacity: 1000 }),
  );
  try {
    await Promise.all(runners.map((runner) => runner.connect()));
    const blocks = blocksOf(lines);
    const rate = (ms: number): number => bytes / 1000 / ms;
    const measured = await alternate(
      rounds,
      async () => rate(await storeLogs(client, runners, blocks)),
      async () => rate(await copy(databaseUrl, file)),
    );
    return row({
      name: `logs of ${JOBS} jobs at once, into the database`,
      against: '\\copy of the same bytes into a bare table',
      unit: 'MB/s',
      note: 'bytes as printed; packed by the runners beforehand, over HTTP',
      ...measured,
      target: ratioAtLeast(0.5),
    });
  } finally {
    await Promise.all(runners.map((runner) => runner.close()));
  }
}

function sampleText(): string {
  const words = Array.from({ length: 500 }, (_, at) =>
    Math.abs(Math.sin(at + 1) * 1e9).toString(16),
  );
  const lines = Array.from({ length: JOB_LINES }, (_, at) => {
    let line = `${String(at).padStart(8, '0')} compiling`;
    for (let next = at; line.length < LOG_LINE_BYTES - 1; next = (next * 31 + 17) % 10_007) {
      line += ` ${words[next % words.length]}`;
    }
    return line.slice(0, LOG_LINE_BYTES - 1);
  });
  return `${lines.join('\n')}\n`;
}

function blocksOf(lines: readonly string[]): LogBlock[] {
  const blocks: LogBlock[] = [];
  for (let at = 0; at < lines.length; at += BLOCK_LINES) {
    const part = lines.slice(at, at + BLOCK_LINES);
    const text = Buffer.from(`${part.join('\n')}\n`);
    const run = { origin: ['one', 'info', 'stdout', ''] as const, timeMs: Date.now() };
    const data = encodeLogBlock({ runs: [{ ...run, count: part.length }], text });
    blocks.push({
      first_line: at + 1,
      line_count: part.length,
      bytes: text.length,
      data: new BlockBytes(data),
    });
  }
  return blocks;
}

/** Milliseconds from the first report of all jobs to the last answer. */
async function storeLogs(
  client: Client,
  runners: readonly SimulatedRunner[],
  blocks: readonly LogBlock[],
): Promise<number> {
  const jobs = await Promise.all(
    runners.map(async (runner) => {
      await client.launchPipeline({ ref: 'bench-small', body: {} });
      for (;;) {
        const [job] = (await runner.claim({ wait_ms: 1000 })).jobs;
        if (job !== undefined) return { runner, job };
      }
    }),
  );
  const start = performance.now();
  await Promise.all(
    jobs.map(async ({ runner, job }) => {
      let seq = 0;
      for (let at = 0; at < blocks.length; at += REPORT_BLOCKS) {
        seq += 1;
        await runner.report(job, seq, { log_blocks: blocks.slice(at, at + REPORT_BLOCKS) });
      }
    }),
  );
  const ms = performance.now() - start;
  await Promise.all(
    jobs.map(({ runner, job }) =>
      runner.report(job, Math.ceil(blocks.length / REPORT_BLOCKS) + 1, {
        outcome: { state: 'succeeded' },
      }),
    ),
  );
  return ms;
}

/** Of psql itself, which is started anew: its own start is not counted. */
async function copy(databaseUrl: string, file: string): Promise<number> {
  const told = await runCommand('psql', [
    ...['--no-psqlrc', '--quiet', '--set=ON_ERROR_STOP=1', databaseUrl],
    ...['--command=CREATE TABLE IF NOT EXISTS bench_copy (line text)'],
    ...['--command=TRUNCATE bench_copy', '--command=\\timing on'],
    `--command=\\copy bench_copy FROM '${file}'`,
  ]);
  const ms = Number(/^Time: ([\d.]+) ms/m.exec(told)?.[1]);
  if (Number.isNaN(ms)) throw new Error(`psql did not say how long it took:\n${told}`);
  return ms;
}
