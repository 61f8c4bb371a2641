// Starting host processes: what they get, how they end, and that their groups go with them.
import { expect, it } from 'vitest';
import { startProcess } from './spawn.ts';

const env = { PATH: '/usr/bin:/bin' };

async function output(stream: NodeJS.ReadableStream | undefined): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream ?? []) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString();
}

it('gives a process its environment and nothing else', async () => {
  const child = startProcess({ file: 'env', env: { ...env, ONE: 'two\nlines' } });
  expect(await output(child.stdout)).toBe('PATH=/usr/bin:/bin\nONE=two\nlines\n');
  expect(await child.exit).toEqual({ code: 0, signal: null, error: undefined });
  expect(child.running).toBe(false);
});

it('reports the exit code and the signal', async () => {
  const failed = startProcess({ file: 'sh', args: ['-c', 'exit 3'], env });
  expect(await failed.exit).toMatchObject({ code: 3, signal: null });
  const killed = startProcess({ file: 'sleep', args: ['60'], env });
  expect(killed.kill('SIGKILL')).toBe(true);
  expect(await killed.exit).toMatchObject({ code: null, signal: 'SIGKILL' });
  expect(killed.kill('SIGKILL')).toBe(false);
});

it('shows a program that does not exist in the exit', async () => {
  const child = startProcess({ file: '/no/such/program', env });
  expect((await child.exit).error).toMatchObject({ code: 'ENOENT' });
  expect(child.pid).toBeUndefined();
  expect(await child.stop(10)).toMatchObject({ error: { code: 'ENOENT' } });
});

it('shows arguments that no program can have in the exit', async () => {
  const child = startProcess({ file: 'true', args: ['a\0b'], env });
  expect((await child.exit).error).toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
});

it('shows in the exit that there are no descriptors left for its pipes', async () => {
  const script = `
    import { openSync } from 'node:fs';
    import { startProcess } from ${JSON.stringify(import.meta.resolve('./spawn.ts'))};
    const open = () => openSync('/dev/null');
    try { while (open() > 0); } catch {}
    const { error } = await startProcess({ file: 'true' }).exit;
    process.exitCode = error?.code === 'EMFILE' ? 0 : 1;`;
  const words = [process.execPath, '--input-type=module', '-e', script];
  const child = startProcess({
    file: 'sh',
    args: ['-c', 'ulimit -n 64; exec "$@"', 'sh', ...words],
  });
  expect(await child.exit).toMatchObject({ code: 0 });
});

it('kills what ignores a request to end after the grace', async () => {
  const child = startProcess({
    file: 'sh',
    args: ['-c', 'trap "" TERM; echo ready; while :; do sleep 60; done'],
    env,
    group: true,
  });
  await new Promise((resolve) => child.stdout?.once('data', resolve));
  expect(await child.stop(50)).toMatchObject({ signal: 'SIGKILL' });
});

it('reaches the whole group', async () => {
  // The output ends when the last process that holds it has ended.
  const child = startProcess({
    file: 'sh',
    args: ['-c', 'sleep 60 & echo x; wait'],
    env,
    group: true,
  });
  await new Promise((resolve) => child.stdout?.once('data', resolve));
  child.kill('SIGTERM');
  expect(await child.exit).toMatchObject({ signal: 'SIGTERM' });
});

it('limits the memory that a process may write to', async () => {
  const child = startProcess({
    file: process.execPath,
    args: ['-e', 'const kept = []; for (;;) kept.push(Buffer.alloc(16 * 1024 * 1024, 1));'],
    env,
    dataBytesMax: 512 * 1024 * 1024,
    stdout: 'ignore',
    stderr: 'ignore',
  });
  const { code, signal } = await child.exit;
  expect(code === 0).toBe(false);
  expect(signal).not.toBe('SIGTERM');
});

it('has pipes from descriptor 3 on', async () => {
  const child = startProcess({ file: 'sh', args: ['-c', 'cat <&3 >&4'], env, extraPipes: 2 });
  child.pipes[0]?.end('through');
  expect(await output(child.pipes[1])).toBe('through');
  expect(await child.exit).toMatchObject({ code: 0 });
});
