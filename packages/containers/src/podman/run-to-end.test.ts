// How a program is run to its end, with real ones.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { type ProgramEnd, type ProgramRun, runToEnd } from './run-to-end.ts';

interface Printed {
  stdout: string;
  stderr: string;
}

const shell = (script: string, changes: Partial<ProgramRun> = {}): ProgramRun => ({
  file: '/bin/sh',
  args: ['-c', script],
  env: { PATH: process.env.PATH ?? '' },
  directory: '/',
  timeoutMs: 0,
  killAfterMs: 60_000,
  ...changes,
});

async function printed(run: ProgramRun): Promise<ProgramEnd & Printed> {
  const text = { stdout: '', stderr: '' };
  const end = await runToEnd(run, (name, bytes) => {
    text[name] += Buffer.from(bytes).toString();
  });
  return { ...end, ...text };
}

it('gives what it is told, and tells all that it printed and how it ended', async () => {
  const script = 'cat; echo err >&2; pwd; echo "$A"; exit 3';
  const input = Buffer.from('in\n');
  const run = shell(script, { input, directory: '/usr', env: { A: 'b', PATH: '/usr/bin:/bin' } });
  expect(await printed(run)).toEqual({
    code: 3,
    signal: null,
    error: undefined,
    timedOut: false,
    stdout: 'in\n/usr\nb\n',
    stderr: 'err\n',
  });
});

it('says that there is no such program', async () => {
  const { error } = await printed({ ...shell(''), file: '/no/such/program' });
  expect(error?.code).toBe('ENOENT');
});

it('ends what is over its time', async () => {
  const end = await printed(shell('exec sleep 1000', { timeoutMs: 50 }));
  expect(end).toMatchObject({ timedOut: true, signal: 'SIGTERM' });
});

it('lets what is to end do so in order', async () => {
  const script = 'trap "exit 4" TERM; echo ready; while :; do sleep 0.01; done';
  const stop = new AbortController();
  const run = shell(script, { signal: stop.signal });
  const end = await runToEnd(run, () => stop.abort());
  expect(end).toMatchObject({ timedOut: false, code: 4 });
});

it('kills what goes on, and does not wait for what that has started', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'rivet-run-to-end-'));
  onTestFinished(async () => {
    process.kill(Number(await readFile(join(directory, 'pid'), 'utf8')), 'SIGKILL');
    await rm(directory, { recursive: true });
  });
  const script =
    'trap "" TERM; sleep 1000 & echo $! >pid; echo ready; while :; do sleep 0.01; done';
  const stop = new AbortController();
  const { signal } = stop;
  const end = await runToEnd(shell(script, { directory, signal, killAfterMs: 100 }), () =>
    stop.abort(),
  );
  expect(end).toMatchObject({ signal: 'SIGKILL', timedOut: false });
});

it('ends what was to end before it began', async () => {
  const end = await printed(shell('exec sleep 1000', { signal: AbortSignal.abort() }));
  expect(end.signal).toBe('SIGTERM');
});

it('ends it when its output is not taken, and says why', async () => {
  const script = 'echo first; exec sleep 1000';
  const taken = runToEnd(shell(script), () => {
    throw new Error('no room');
  });
  await expect(taken).rejects.toThrow('no room');
});
