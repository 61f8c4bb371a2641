// The state directory: one runner at a time, whatever died in it before.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@rivet/base';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { removeLeftovers } from './cleanup.ts';
import { memoryDriver } from './fake-host.ts';
import { ownerLabels } from './labels.ts';
import { openStateDirectory } from './state-directory.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rivet-state-test-'));
});

afterEach(() => rm(directory, { recursive: true, force: true }));

const module = new URL('state-directory.ts', import.meta.url).href;

/**
 * Opens the directory in another process; it says "held" or the code of the error, and waits for
 * its end.
 */
function openElsewhere() {
  const script = `
    const { openStateDirectory } = await import(process.argv[1]);
    await openStateDirectory(process.argv[2]).then(
      () => { console.log('held'); process.stdin.resume(); },
      (error) => console.log(error.code),
    );`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, module, directory], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const answer = (async () => {
    let text = '';
    for await (const chunk of child.stdout) {
      text += chunk;
      if (text.includes('\n')) break;
    }
    return text.trim();
  })();
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    child.kill(signal);
    await exit;
  };
  return { child, answer, end };
}

it('is refused to a second runner with the process id of the first', async () => {
  const other = openElsewhere();
  expect(await other.answer).toBe('held');
  await expect(openStateDirectory(directory)).rejects.toMatchObject({
    code: 'RIVET_RUNNER_STATE_LOCKED',
    message: expect.stringContaining(`process id ${other.child.pid}`),
  });
  await other.end('SIGTERM');
});

it('is free again when the runner that held it was killed', async () => {
  const other = openElsewhere();
  expect(await other.answer).toBe('held');
  await other.end('SIGKILL');
  const state = await openStateDirectory(directory);
  await state.release();
  expect(await readdir(join(directory, 'locks'))).toEqual([]);
});

it('is held by at most one of several that start together', async () => {
  const others = [openElsewhere(), openElsewhere(), openElsewhere(), openElsewhere()];
  const answers = await Promise.all(others.map((other) => other.answer));
  expect(answers.filter((answer) => answer === 'held').length).toBeLessThanOrEqual(1);
  expect(answers.filter((answer) => !/^(held|RIVET_RUNNER_STATE_LOCKED)$/.test(answer))).toEqual(
    [],
  );
  for (const other of others) await other.end('SIGKILL');
});

it('keeps the owner from start to start', async () => {
  const first = await openStateDirectory(directory);
  await first.release();
  const second = await openStateDirectory(directory);
  expect(second.owner).toBe(first.owner);
  await second.release();
});

it('gives each attempt a workspace that containers of any user may write to, and nothing else', async () => {
  const state = await openStateDirectory(directory);
  const attempt = await state.makeAttempt('job', 1);
  expect((await stat(attempt.path)).mode & 0o777).toBe(0o700);
  expect((await stat(attempt.workspace)).mode & 0o777).toBe(0o777);
  await expect(state.makeAttempt('job', 1)).rejects.toMatchObject({ code: 'EEXIST' });
  await state.release();
});

it('that is a file is refused with what to do', async () => {
  const path = join(directory, 'file');
  await writeFile(path, '');
  await expect(openStateDirectory(path)).rejects.toMatchObject({
    code: 'RIVET_RUNNER_STATE_UNUSABLE',
  });
});

it('is cleaned of what an earlier run left: its containers and directories, no others', async () => {
  const state = await openStateDirectory(directory);
  await mkdir(join(directory, 'jobs', 'old.1', 'workspace', 'deep'), { recursive: true });
  await chmod(join(directory, 'jobs', 'old.1', 'workspace'), 0o500);
  await writeFile(join(directory, 'other'), 'kept');
  const driver = memoryDriver();
  await removeLeftovers(state, driver, silentLogger);
  expect(driver.removed).toEqual([ownerLabels(state.owner)]);
  expect(await readdir(join(directory, 'jobs'))).toEqual([]);
  expect(await readdir(directory)).toContain('other');
  await state.release();
});
