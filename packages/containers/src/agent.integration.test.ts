// The agent in the shells that images bring, without a container around it.

import { existsSync } from 'node:fs';
import {
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  symlink,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startProcess } from '@rivet/processes';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ControlDirectory } from './control-directory.ts';
import type { CommandExit, CommandSpec } from './driver.ts';
import { runCommand } from './running-command.ts';
import { PATH, type ShellAgent, startShellAgent } from './testing/shell-agent.ts';

type Kind = 'slots' | 'no slots' | 'neither cat nor setsid';
const SHELLS: readonly (readonly [string, string, Kind])[] = [
  ['dash', '/bin/dash', 'slots'],
  ['bash', '/bin/bash', 'slots'],
  ['busybox', '/bin/busybox', 'slots'],
  ['dash', '/bin/dash', 'no slots'],
  ['bash', '/bin/bash', 'no slots'],
  ['busybox', '/bin/busybox', 'no slots'],
  ['dash', '/bin/dash', 'neither cat nor setsid'],
];

const isThere = ([, program]: (typeof SHELLS)[number]): boolean => existsSync(program);

describe.each(SHELLS.filter((shell) => !isThere(shell)))('the agent in %s (%s, %s)', (name) => {
  it('is not tested', ({ skip }) => skip(`this machine has no ${name}`));
});

describe.each(SHELLS.filter(isThere))('the agent in %s (%s, %s)', (_, program, kind) => {
  const isBare = kind === 'neither cat nor setsid';
  let directory: string;
  let shellAgent: ShellAgent;
  let control: ControlDirectory;
  let count = 0;

  const start = (changes: Partial<CommandSpec>, onOutput: () => void = () => undefined) => {
    count += 1;
    const text = { stdout: '', stderr: '' };
    const spec = { id: `c${count}`, argv: ['true'], env: {}, cwd: '/', stdin: undefined };
    const { host, control } = shellAgent;
    const running = runCommand(host, control, { ...spec, ...changes }, (stream, bytes) => {
      text[stream] += Buffer.from(bytes).toString();
      onOutput();
    });
    return { running, text };
  };
  const run = async (
    changes: Partial<CommandSpec>,
  ): Promise<{ exit: CommandExit; stdout: string; stderr: string }> => {
    const { running, text } = start(changes);
    const exit = await (await running).exit;
    return { exit, ...text };
  };
  const sh = (script: string, changes: Partial<CommandSpec> = {}) =>
    run({ argv: ['sh', '-c', script], ...changes });

  /**
   * Whether no slot is on its way: one waits for a command, or there is none, as what a test did to
   * their files has cost both their FIFOs.
   */
  const areSlotsSettled = async (): Promise<boolean> => {
    const out = join(control.path, 'out');
    const names = (await readdir(out)).filter((name) => OF_SLOT.test(name));
    const status = names.find((name) => name.endsWith('.status'));
    if (status === undefined) return names.length === 0;
    const word = await readFile(join(out, status), 'utf8').catch(() => '');
    return names.length === 3 && word.startsWith('waiting');
  };

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'rivet-agent-'));
    const env = { KEPT: 'yes', ...(isBare ? { PATH } : {}) };
    shellAgent = await startShellAgent(directory, program, {
      slots: kind !== 'no slots',
      isBare,
      env,
    });
    control = shellAgent.control;
  });
  afterAll(async () => {
    await shellAgent.stop();
    await rm(directory, { recursive: true, force: true });
  });

  // Needs the relays that the agent makes with cat.
  if (!isBare) {
    it('lets a command write to /dev/stderr and keeps what was there', async () => {
      const { stderr } = await sh('echo one >&2; echo two > /dev/stderr; echo three >&2');
      expect(stderr).toBe('one\ntwo\nthree\n');
    });
  }

  it('leaves no signal ignored', async () => {
    const { stdout } = await run({ argv: ['grep', '-E', 'Sig(Ign|Blk)', '/proc/self/status'] });
    expect(stdout.match(/\d{16}/g)).toEqual(['0000000000000000', '0000000000000000']);
  });

  it('leaves no file open but the three of every program', async () => {
    const { stdout } = await run({ argv: ['ls', '/proc/self/fd'] });
    const direct = startProcess({ file: 'ls', args: ['/proc/self/fd'], env: { PATH } });
    const expected = (await direct.stdout?.setEncoding('utf8').toArray())?.join('');
    expect(stdout).toBe(expected);
  });

  it('hands on any text as argument, variable and working directory', async () => {
    const odd = fc.string({ unit: 'binary', maxLength: 40 }).filter((text) => !text.includes('\0'));
    await fc.assert(
      fc.asyncProperty(fc.array(odd, { maxLength: 5 }), odd, async (words, value) => {
        const script = 'printf "%s\\0" "$VALUE" "$@"';
        const { stdout } = await run({
          argv: ['sh', '-c', script, 'sh', ...words],
          env: { VALUE: value },
        });
        expect(stdout).toBe([value, ...words].map((word) => `${word}\0`).join(''));
      }),
      { numRuns: 40 },
    );
  });

  it('sets variables that shells treat specially or cannot name', async () => {
    const env = { IFS: 'x', OPTIND: 'y', UID: '5', 'a.b-c': '1', PWD: '/p', RANDOM: '7', _: 'u' };
    const { stdout, exit } = await run({ argv: ['env'], env });
    expect(exit.exitCode).toBe(0);
    const lines = stdout.split('\n');
    for (const [name, value] of Object.entries({ ...env, KEPT: 'yes', IMAGE: 'of the image' })) {
      expect(lines).toContain(`${name}=${value}`);
    }
    expect(stdout).not.toContain('rivet_');
  });

  it('looks programs up in the PATH of the command', async () => {
    const path = join(directory, 'programs');
    await mkdir(path);
    await writeFile(join(path, 'tool'), '#!/bin/sh\necho "tool $0"\n', { mode: 0o755 });
    await writeFile(join(path, 'data'), '', { mode: 0o644 });
    const env = { PATH: `${path}:${PATH}` };
    expect((await run({ argv: ['tool'], env })).stdout).toBe(`tool ${path}/tool\n`);
    expect((await run({ argv: ['data'], env })).exit).toMatchObject({
      exitCode: 126,
      cause: 'not-executable',
    });
    expect((await run({ argv: ['tool'] })).exit).toMatchObject({ exitCode: 127 });
    expect((await run({ argv: [path] })).exit).toMatchObject({ exitCode: 126 });
    expect((await run({ argv: [`${path}/none`] })).exit).toMatchObject({ exitCode: 127 });
  });

  it('refuses a working directory that is not there', async () => {
    const refused = run({ cwd: '/no such directory' });
    await expect(refused).rejects.toMatchObject({ code: 'RIVET_CONTAINER_CWD_MISSING' });
  });

  it('signals every process of the session, also in groups of their own', async () => {
    const ready = Promise.withResolvers<void>();
    // A shell with job control gives each job a group of its own.
    const script = 'set -m; sleep 1000 & echo $!; wait';
    const { running, text } = start({ argv: ['bash', '-c', script] }, () => ready.resolve());
    const command = await running;
    await ready.promise;
    await command.signal('KILL');
    expect(await command.exit).toMatchObject({ exitCode: 137, signal: 'SIGKILL' });
    const child = text.stdout.trim();
    await expect
      .poll(async () => await readFile(`/proc/${child}/cmdline`, 'utf8').catch(() => ''))
      .not.toContain('sleep');
  });

  it('ends though its output is still held by a process that it left behind', async () => {
    const { stdout, exit } = await sh('(sleep 30; echo late) & echo now');
    expect(stdout).toBe('now\n');
    expect(exit).toMatchObject({ exitCode: 0 });
    expect(exit.durationMs).toBeLessThan(20_000);
  });

  it('tells the end of a command whose watcher was killed', async () => {
    const { exit } = await sh('kill -9 $PPID; sleep 1000');
    expect(exit).toMatchObject({ exitCode: 137, signal: 'SIGKILL' });
  });

  if (kind === 'slots')
    it('starts a command once and another way when what waited for it was killed', async () => {
      // Not its own: whoever lost that goes on until somebody notices.
      const others = 'cat $1/slot.*.status | while read -r word pid rest; do';
      const isOther = '[ "$word" = waiting ] && [ "$pid" != $$ ] || continue';
      // Stopped it cannot tell that what it waits for was killed.
      for (const part of ['$pid', '$rest', '$rest -STOP $pid']) {
        const [first = '', stop, second = first] = part.split(' ');
        // Killed it has no directory any more: only then the next command begins.
        const gone = `[ ! -e /proc/${first}/cwd ] && [ ! -e /proc/${second}/cwd ]`;
        const stopped = stop === undefined ? '' : `kill ${stop} ${first}; `;
        const kill = `${stopped}kill -9 ${second} ${first}; until ${gone} || [ $((n += 1)) = 9999 ]; do :; done`;
        const script = `n=0; ${others} ${isOther}; ${kill}; done; exit 0`;
        const out = join(control.path, 'out');
        // The next slot is there by then.
        await run({ argv: ['sh', '-c', `sleep 0.2; (${script}) 2>/dev/null`, 'sh', out] });
        const { stdout, exit } = await run({ argv: ['echo', 'once'] });
        expect({ stdout, code: exit.exitCode }).toEqual({ stdout: 'once\n', code: 0 });
      }
    });

  it('reads what it opened though the command replaced the files', async () => {
    const out = join(control.path, 'out');
    const secret = join(directory, 'secret');
    await writeFile(secret, 'secret');
    const script = `for f in ${out}/*.std* ${out}/*.status; do rm -f $f; ln -s ${secret} $f; done; echo shown; exit 4`;
    const { stdout, exit } = await sh(script);
    expect({ stdout, exitCode: exit.exitCode }).toEqual({ stdout: 'shown\n', exitCode: 4 });
    expect(await readFile(secret, 'utf8')).toBe('secret');
  });

  it('writes through no link that waits for the next commands', async () => {
    const target = join(directory, 'target');
    const out = join(control.path, 'out');
    // Nobody makes another slot meanwhile: the names of the next ones are known.
    await run({ argv: ['true'] });
    await expect.poll(areSlotsSettled).toBe(true);
    const slots = (await readdir(out)).map((name) => Number(/^slot\.(\d+)/.exec(name)?.[1] ?? 0));
    const names = [1, 2, 3].flatMap((n) => [`c${count + n}`, `slot.${Math.max(...slots) + n}`]);
    const links = names.map((name) => join(out, `${name}.stdout`));
    for (const link of links) await symlink(target, link);
    for (const word of ['one', 'two', 'three']) {
      expect(await run({ argv: ['echo', word] })).toMatchObject({ stdout: `${word}\n` });
    }
    expect(existsSync(target)).toBe(false);
    for (const link of links) await unlink(link);
  });

  it('takes no request that is none, and the next one behind half a line', async () => {
    const forged = ['run ../x mark', 'run', 'run $(id) x', 'slot', '\\0\\377', 'check . .', 'ru'];
    // Nobody reads those of slots where there are none.
    const names = kind === 'slots' ? ['requests', 'slot0', 'slot1'] : ['requests'];
    const fifos = names.map((name) => join(control.path, 'in', name));
    const script = `for f in ${fifos.join(' ')}; do printf '${forged.join('\\n')}' >$f; done; echo on`;
    expect(await sh(script)).toMatchObject({ stdout: 'on\n', exit: { exitCode: 0 } });
    for (const word of ['one', 'two', 'three']) {
      expect(await run({ argv: ['echo', word] })).toMatchObject({ stdout: `${word}\n` });
    }
    expect(existsSync(join(directory, 'x.status'))).toBe(false);
  });

  it('deletes the files of a command that ended', async () => {
    const { stdout } = await sh('cat', { stdin: Buffer.from('input') });
    expect(stdout).toBe('input');
    const kept = ['agent', 'command', 'requests', 'slot0', 'slot1'];
    const given = async () => (await readdir(join(control.path, 'in'))).toSorted();
    await expect.poll(given, { timeout: 30_000 }).toEqual(kept);
    const left = async () => {
      const names = await readdir(join(control.path, 'out'));
      const others = names.filter((name) => !OF_SLOT.test(name));
      return { others, ofOneSlot: slotFiles.has(names.length - others.length) };
    };
    // None where what the tests before did to slots has cost both their FIFOs.
    const slotFiles = new Set(kind === 'slots' ? [0, 3] : [0]);
    await expect.poll(left).toEqual({ others: ['agent'], ofOneSlot: true });
  });
});

/** A slot for a command to come has files that are empty but for the word that it waits. */
const OF_SLOT = /^slot\.\d+\.(?:std(?:out|err)|status)$/;
