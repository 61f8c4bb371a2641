// What becomes of a command whose agent is the test: it reads the requests and writes the files.
import {
  appendFileSync,
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it, onTestFinished, vi } from 'vitest';
import { attachCommand } from './attach-command.ts';
import type { CommandHost } from './command-end.ts';
import { ControlDirectory } from './control-directory.ts';
import type { OutputSink, RunningCommand } from './driver.ts';
import { runCommand } from './running-command.ts';

let directory: string;
let control: ControlDirectory;
let requests: number;
let said: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rivet-running-'));
  control = await ControlDirectory.create(directory, { slots: false });
  await control.open();
  const { O_RDWR, O_NONBLOCK } = constants;
  requests = openSync(join(directory, 'in/requests'), O_RDWR | O_NONBLOCK);
  said = '';
});

afterEach(async () => {
  await control.close();
  closeSync(requests);
  await rm(directory, { recursive: true });
});

const host: CommandHost = {
  name: 'none',
  mainPid: process.pid,
  env: {},
  isAlive: async () => true,
  isEnding: async () => false,
  describeEnd: async () => 'it does not end',
  ranOutOfMemory: async () => false,
  countRefusals: () => 0,
  begunByItself: () => undefined,
};

const start = (sink: OutputSink): Promise<RunningCommand> =>
  runCommand(
    host,
    control,
    { id: 'c1', argv: ['true'], env: {}, cwd: '/', stdin: undefined },
    sink,
  );

/** The command as a process of the runner starts it that is no more. */
const KEPT = { id: 'c1', argv: ['true'], env: {}, cwd: '/', stdin: undefined, keep: true };

const out = (file: string): string => join(directory, 'out', `c1.${file}`);

/** The requests so far, as the agent would read them. */
function asked(): string[] {
  const buffer = Buffer.alloc(4_096);
  try {
    said += buffer.toString('latin1', 0, readSync(requests, buffer));
  } catch {
    // Nothing new.
  }
  return said.split('\n').filter((line) => line !== '');
}

it('kills a command whose output is refused before anybody has heard of its start', async () => {
  const starting = start(() => undefined);
  await expect.poll(asked).toEqual([expect.stringMatching(/^run c1 /)]);
  await turn();
  truncateSync(out('stdout'), 40 * 1024 ** 3);
  appendFileSync(out('status'), 'taken\nstarted 7 8\n');
  // As on a machine that is busy: the timers are due before anything else is heard of.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
  const running = await starting;
  await expect.poll(asked).toContain('signal 7 KILL');
  const [, mark] = /^run c1 \\036(\w+)$/m.exec(said) ?? [];
  appendFileSync(out('stderr'), `\x1e${mark}`);
  appendFileSync(out('status'), 'exit 137\n');
  await expect(running.exit).rejects.toMatchObject({ code: 'RIVET_CONTAINER_OUTPUT_FORGED' });
});

it('lets a command go on that the process before had held back', async () => {
  void runCommand(host, control, KEPT, () => new Promise(() => {})).catch(() => undefined);
  await expect.poll(asked).toEqual([expect.stringMatching(/^run c1 /)]);
  appendFileSync(out('status'), 'taken\nstarted 7 8\n');
  truncateSync(out('stdout'), 65 * 1024 ** 2);
  let bytes = 0;
  const running = await attachCommand(host, control, KEPT, (_, chunk) => {
    bytes += chunk.length;
  });
  await expect.poll(() => bytes, { timeout: 60_000 }).toBe(65 * 1024 ** 2);
  await expect.poll(asked).toContain('signal 7 CONT');
  expect(running).toMatchObject({ id: 'c1', pid: 7 });
});

it('reads what a command had left to say when it ended without waiting for a turn', async () => {
  // No turn ever comes, and as many outputs are followed as it takes to wait for one.
  vi.useFakeTimers({
    toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'],
  });
  onTestFinished(() => void vi.useRealTimers());
  for (let n = 0; n < 16; n += 1) control.wakeup(control.makeFiles(`other${n}`), 'stdout');
  let printed = '';
  const begun = Promise.withResolvers<void>();
  const starting = start((_, bytes) => {
    printed += Buffer.from(bytes).toString();
    if (printed === 'one\n') begun.resolve();
    // It is known by then that the command has ended, and what was there has been read.
    if (printed === 'one\ntwo\n') setImmediate(endOutput);
  });
  const endOutput = (): void => {
    const [, mark] = /^run c1 \\036(\w+)$/m.exec(asked().join('\n')) ?? [];
    appendFileSync(out('stdout'), `three\n\x1e${mark}`);
    appendFileSync(out('stderr'), `\x1e${mark}`);
  };
  await expect.poll(asked).toEqual([expect.stringMatching(/^run c1 /)]);
  appendFileSync(out('status'), 'taken\nstarted 7 8\n');
  const running = await starting;
  appendFileSync(out('stdout'), 'one\n');
  // Not by a poll, which would have the clock go on.
  await begun.promise;
  appendFileSync(out('stdout'), 'two\n');
  appendFileSync(out('status'), 'exit 0\n');
  expect(await running.exit).toMatchObject({ exitCode: 0 });
  expect(printed).toBe('one\ntwo\nthree\n');
});

it('takes nothing for the output of a command that the container put in its place', async () => {
  void runCommand(host, control, KEPT, () => undefined).catch(() => undefined);
  await expect.poll(asked).toEqual([expect.stringMatching(/^run c1 /)]);
  appendFileSync(out('status'), 'taken\nstarted 7 8\n');
  for (const put of [
    (path: string) => symlinkSync('/etc/hostname', path),
    (path: string) => writeFileSync(path, 'forged'),
    (path: string) => mkdirSync(path),
  ]) {
    rmSync(out('stdout'), { recursive: true, force: true });
    put(out('stdout'));
    expect(await attachCommand(host, control, KEPT, () => undefined)).toBe('unknown');
  }
});

it('knows of a command that was not asked for that nothing of it ran', async () => {
  expect(await attachCommand(host, control, KEPT, () => undefined)).toBe('not-started');
  const files = control.makeFiles('c1');
  control.keepRecord('c1', files, null);
  const found = attachCommand(host, control, KEPT, () => undefined);
  await expect.poll(asked).toEqual(['check caught.up none']);
  appendFileSync(join(directory, 'out/caught.up.status'), 'lost\n');
  expect(await found).toBe('not-started');
  expect(control.readRecord('c1')).toBeUndefined();
});

it('counts what it is refused from before it is asked for', async () => {
  const refusing = { ...host, countRefusals: () => (asked().length > 0 ? 1 : 0) };
  const command = { id: 'c1', argv: ['true'], env: {}, cwd: '/', stdin: undefined };
  const starting = runCommand(refusing, control, command, () => undefined);
  await expect.poll(asked).toEqual([expect.stringMatching(/^run c1 /)]);
  const [, mark] = /^run c1 \\036(\w+)$/m.exec(said) ?? [];
  for (const file of ['stdout', 'stderr']) appendFileSync(out(file), `\x1e${mark}`);
  appendFileSync(out('status'), 'taken\nstarted 7 8\nexit 1\n');
  expect(await (await starting).exit).toMatchObject({ exitCode: 1, cause: 'process-limit' });
});
