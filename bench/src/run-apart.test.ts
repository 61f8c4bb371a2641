// A benchmark in a process of its own: what it tells, and what becomes of one that fails.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { runApart } from './run-apart.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rivet-bench-apart-'));
});

afterEach(() => rm(directory, { recursive: true, force: true }));

async function run(source: string, more: { stop?: AbortSignal; msMax?: number } = {}) {
  const program = join(directory, 'program.mjs');
  await writeFile(program, source);
  const never = new AbortController().signal;
  return runApart({ name: 'x', about: 'y', rounds: 2, program, stop: never, ...more });
}

test('the rows that it writes are its result', async () => {
  const outcome = await run(
    `console.log(JSON.stringify({ rows: [{ name: process.argv.slice(2).join(' ') }] }))`,
  );
  expect(outcome.rows).toEqual([{ name: '--here --json --only x --rounds 2' }]);
  expect(outcome.failure).toBeUndefined();
});

test('one that ends with an error is told as failed, with its exit code', async () => {
  const outcome = await run(`console.log('{"rows":[]}'); process.exitCode = 3;`);
  expect(outcome).toMatchObject({ rows: [], failure: 'it ended with 3' });
});

test('one that says nothing is told as failed', async () => {
  expect((await run(`process.exitCode = 0;`)).failure).toBe('it ended with 0');
});

test('one that does not end is ended, with what it started', async () => {
  const pidFile = join(directory, 'pid');
  const source = `
    import { spawn } from 'node:child_process';
    import { renameSync, writeFileSync } from 'node:fs';
    const child = spawn('sleep', ['600'], { stdio: 'ignore' });
    writeFileSync('${pidFile}.new', String(child.pid));
    renameSync('${pidFile}.new', '${pidFile}');
    setInterval(() => undefined, 1000);`;
  const stopping = new AbortController();
  const running = run(source, { stop: stopping.signal });
  const pid = await vi.waitFor(async () => Number(await readFile(pidFile, 'utf8')), 60_000);
  stopping.abort();
  expect((await running).failure).toBe('it ended with SIGTERM');
  await vi.waitFor(() => expect(isAlive(pid)).toBe(false), 60_000);
});

test('one that takes too long is ended and says so', async () => {
  const { failure } = await run(`setInterval(() => undefined, 1000);`, { msMax: 500 });
  expect(failure).toBe('it ended with SIGTERM after 0.5 s, which is too long');
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
