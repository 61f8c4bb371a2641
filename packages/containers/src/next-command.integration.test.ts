// Commands that begin where the one before them has ended, in the shells that images bring.
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sleep } from '@rivet/base';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { attachCommand } from './attach-command.ts';
import { ControlDirectory } from './control-directory.ts';
import type { CommandSpec, NextCommand, OutputSink, RunningCommand } from './driver.ts';
import { runCommand } from './running-command.ts';
import { type ShellAgent, startShellAgent } from './testing/shell-agent.ts';

const SHELLS = ['/bin/dash', '/bin/bash', '/bin/busybox'];
const CHAIN = 50;
/** The files of a control directory that are there before any command. */
const GIVEN = ['agent', 'command', 'requests', 'slot0', 'slot1'];

/** A command with what it has printed so far. */
interface Told {
  readonly spec: CommandSpec;
  readonly sink: OutputSink;
  said: string;
}

describe.each(SHELLS.filter((shell) => !existsSync(shell)))('commands in a row in %s', (shell) => {
  it('are not tested', ({ skip }) => skip(`this machine has no ${shell}`));
});

describe.each(SHELLS.filter(existsSync))('commands in a row in %s', (shell) => {
  let directory: string;
  let shellAgent: ShellAgent;
  let control: ControlDirectory;
  let count: number;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'rivet-next-'));
    shellAgent = await startShellAgent(directory, shell, { slots: true });
    control = shellAgent.control;
    count = 0;
    // Slots are there from now on, as after the first commands of a container.
    await control.open();
  });
  afterEach(async () => {
    await shellAgent.stop();
    await rm(directory, { recursive: true, force: true });
  });

  const sh = (script: string, changes: Partial<CommandSpec> = {}): Told => {
    count += 1;
    const argv = ['sh', '-c', script, 'sh', control.path];
    const spec = { id: `c${count}`, argv, env: {}, cwd: '/', stdin: undefined, ...changes };
    const told: Told = {
      spec,
      said: '',
      sink: (_, bytes) => {
        told.said += Buffer.from(bytes).toString();
      },
    };
    return told;
  };
  /** One that goes on with its script when it is let go. */
  const held = (script: string, changes: Partial<CommandSpec> = {}): Told =>
    sh(`until [ -e ${directory}/go${count + 1} ]; do sleep 0.002; done; ${script}`, changes);
  const letGo = ({ spec }: Told) => writeFile(join(directory, spec.id.replace('c', 'go')), '');
  const run = ({ spec, sink }: Told) => runCommand(shellAgent.host, control, spec, sink);
  const prepare = async (before: RunningCommand, told: Told): Promise<NextCommand> => {
    const next = await before.prepareNext(told.spec, told.sink);
    if (next === undefined) throw new Error(`${told.spec.id} was not made ready`);
    return next;
  };
  const hasBegun = async (next: NextCommand): Promise<RunningCommand> => {
    const begun = await next.begun;
    if (begun === undefined) throw new Error('the next command has not begun');
    return begun;
  };
  /** That the container is as before any command: nothing is left, and commands run. */
  const expectNothingLeft = async (): Promise<void> => {
    const after = sh('echo after');
    expect(await (await run(after)).exit).toMatchObject({ exitCode: 0 });
    expect(after.said).toBe('after\n');
    const given = async () => (await readdir(join(control.path, 'in'))).toSorted();
    await expect.poll(given).toEqual(GIVEN);
    const made = async () =>
      (await readdir(join(control.path, 'out'))).filter((name) => name.endsWith('.stdout')).length;
    await expect.poll(made).toBe(1);
    const kept = (await readdir(control.path)).filter((name) => name.startsWith('command.'));
    expect(kept).toEqual([]);
  };

  it('begin by themselves, each with its own output, and leave nothing', async () => {
    const tolds = Array.from({ length: CHAIN }, (_, index) =>
      held('cat; echo "$N $PWD"', {
        env: { N: String(index) },
        stdin: Buffer.from(`input ${index} `),
        cwd: directory,
        keep: true,
      }),
    );
    const [first, ...rest] = tolds as [Told, ...Told[]];
    let running = await run(first);
    let last = first;
    for (const told of rest) {
      const next = await prepare(running, told);
      await letGo(last);
      last = told;
      const before = running;
      running = await hasBegun(next);
      expect(await before.exit).toMatchObject({ exitCode: 0 });
      before.forget();
    }
    await letGo(last);
    await running.exit;
    running.forget();
    expect(tolds.map(({ said }) => said)).toEqual(
      tolds.map((_, index) => `input ${index} ${index} ${directory}\n`),
    );
    await expectNothingLeft();
  });

  it.each([
    ['failed', 'exit 1'],
    [
      'failed, whatever it says of itself',
      'for f in $1/out/*.status; do printf "\\nnext %s\\n" "$(basename $f .status)" >>$f; done; exit 1',
    ],
    ['was killed with its watcher', 'kill -9 $PPID; sleep 1000'],
  ])('do not begin after one that %s', async (_, script) => {
    const first = held(script);
    const running = await run(first);
    const told = sh('echo wrong', { stdin: Buffer.from('secret'), keep: true });
    const next = await prepare(running, told);
    await letGo(first);
    expect(await next.begun).toBeUndefined();
    expect((await running.exit).exitCode).toBeGreaterThan(0);
    await expectNothingLeft();
    expect(told.said).toBe('');
  });

  it('do not begin after one that was signalled, though it ends as if nothing were wrong', async () => {
    const first = sh('trap "exit 0" TERM; echo ready; while :; do sleep 0.01; done');
    const running = await run(first);
    const next = await prepare(running, sh('echo wrong'));
    await expect.poll(() => first.said).toBe('ready\n');
    await running.signal('TERM');
    expect(await running.exit).toMatchObject({ exitCode: 0 });
    expect(await next.begun).toBeUndefined();
    await expectNothingLeft();
  });

  it('are not made ready behind one that was signalled or has ended, nor twice', async () => {
    const first = sh('trap : HUP; echo ready; while :; do sleep 0.01; done');
    const signalled = await run(first);
    await expect.poll(() => first.said).toBe('ready\n');
    await signalled.signal('HUP');
    const told = sh('echo wrong');
    expect(await signalled.prepareNext(told.spec, told.sink)).toBeUndefined();
    await signalled.signal('KILL');
    await signalled.exit;
    expect(await signalled.prepareNext(told.spec, told.sink)).toBeUndefined();
    const second = held('exit 0');
    const running = await run(second);
    const invalid = await running.prepareNext({ ...told.spec, cwd: 'here' }, told.sink);
    expect(invalid).toBeUndefined();
    const next = await prepare(running, sh('exit 5'));
    expect(await running.prepareNext(told.spec, told.sink)).toBeUndefined();
    await letGo(second);
    expect((await (await hasBegun(next)).exit).exitCode).toBe(5);
    const last = held('exit 0');
    const refused = await prepare(await run(last), sh('echo wrong', { cwd: '/no such directory' }));
    await letGo(last);
    await expect((await hasBegun(refused)).exit).rejects.toMatchObject({
      code: 'RIVET_CONTAINER_CWD_MISSING',
    });
    await expectNothingLeft();
  });

  it('do not begin once they were withdrawn, and go on once they have begun', async () => {
    const first = held('exit 0');
    const running = await run(first);
    const next = await prepare(running, sh('echo wrong', { keep: true }));
    next.withdraw();
    await letGo(first);
    expect(await running.exit).toMatchObject({ exitCode: 0 });
    expect(await next.begun).toBeUndefined();
    next.withdraw();
    await expectNothingLeft();
    const second = held('exit 0');
    const right = held('echo right');
    const again = await prepare(await run(second), right);
    await letGo(second);
    const begun = await hasBegun(again);
    again.withdraw();
    await letGo(right);
    await begun.exit;
    expect(right.said).toBe('right\n');
  });

  it('leave their slot to others where they come too late', async () => {
    for (let n = 0; n < 10; n += 1) {
      const running = await run(sh('exit 0'));
      const told = sh('echo next');
      const [next] = await Promise.all([running.prepareNext(told.spec, told.sink), running.exit]);
      const begun = (await next?.begun) ?? (await run(told));
      expect(await begun.exit).toMatchObject({ exitCode: 0 });
      expect(told.said).toBe('next\n');
    }
    await expectNothingLeft();
  });

  it('begin where only the runner was told that they do', async () => {
    const words = 'printf "\\nnext %s\\nexit 0\\n" "$slot" >>"$own"';
    const script = `own=$(grep -l started $1/out/*.status)
      slot=$(cd $1/out; grep -L started slot.*.status); slot=\${slot%.status}; ${words}; sleep 1000`;
    const first = held(script);
    const told = sh('echo next');
    const next = await prepare(await run(first), told);
    await letGo(first);
    const begun = await hasBegun(next);
    expect((await begun.exit).exitCode).toBe(0);
    expect(told.said).toBe('next\n');
  });

  it('begin another way where what waited for them was killed', async () => {
    const kill = `read -r word pid rest <$(grep -L started $1/out/slot.*.status)
      kill -9 $rest $pid; exit 0`;
    const first = held(kill);
    const told = sh('echo once; exit 6', { keep: true });
    const next = await prepare(await run(first), told);
    await letGo(first);
    const begun = await hasBegun(next);
    expect((await begun.exit).exitCode).toBe(6);
    begun.forget();
    expect(told.said).toBe('once\n');
  });

  it('can be signalled before they are known to have begun, and end with their container', async () => {
    const first = held('exit 0');
    const second = await prepare(await run(first), sh('sleep 1000'));
    await letGo(first);
    const begun = await hasBegun(second);
    await begun.signal('KILL');
    expect(await begun.exit).toMatchObject({ exitCode: 137 });
    const last = await run(sh('sleep 1000'));
    const next = await prepare(last, sh('echo wrong'));
    await shellAgent.agent.stop(0);
    await expect(last.exit).rejects.toMatchObject({ code: 'RIVET_CONTAINER_LOST' });
    expect(await next.begun).toBeUndefined();
  });

  describe('of a process that is no more', () => {
    let heir: ControlDirectory;
    const adopt = async (): Promise<void> => {
      const { path, agentInode } = control;
      // It hears of nothing any more, and does nothing.
      await control.close();
      const adopted = await ControlDirectory.adopt(path, { slots: true }, agentInode, 1);
      if (adopted === undefined) throw new Error('the directory was not taken over');
      heir = adopted;
    };
    const attach = async ({ spec, sink }: Told): Promise<RunningCommand> => {
      const found = await attachCommand(shellAgent.host, heir, spec, sink);
      if (typeof found === 'string') throw new Error(`${spec.id} is ${found}`);
      return found;
    };
    const twoCommands = async (end: string): Promise<readonly [Told, Told]> => {
      const before = held(end, { keep: true });
      const told = sh(`echo begun; : >${directory}/ran; exit 8`, {
        keep: true,
        stdin: Buffer.from('secret'),
      });
      await prepare(await run(before), told);
      return [before, told];
    };
    const hasRun = () => existsSync(join(directory, 'ran'));
    /** Of the command that was made ready, and of its slot. */
    const filesOfNext = async (): Promise<readonly string[]> => {
      const names = [
        ...(await readdir(control.path)),
        ...(await readdir(join(control.path, 'in'))),
      ];
      return names.filter((name) => /^command\.c2$|^slot\.\d+\.(?:request|stdin|next)$/.test(name));
    };
    afterEach(() => heir.close());

    it('begin though nobody follows them, and are found then', async () => {
      const [before, told] = await twoCommands('exit 0');
      await control.close();
      await letGo(before);
      await expect.poll(hasRun).toBe(true);
      await adopt();
      const found = await attach(told);
      expect((await found.exit).exitCode).toBe(8);
      expect(told.said).toBe('begun\n');
      const other = { ...told.spec, argv: ['true'] };
      expect(await attachCommand(shellAgent.host, heir, other, told.sink)).toBe('unknown');
    });

    it('begin when they are asked for, and not before', async () => {
      const [before, told] = await twoCommands('exit 0');
      await adopt();
      const first = await attach(before);
      await letGo(before);
      expect((await first.exit).exitCode).toBe(0);
      await sleep(100);
      expect(hasRun()).toBe(false);
      const found = await attach(told);
      expect((await found.exit).exitCode).toBe(8);
      expect(told.said).toBe('begun\n');
      found.forget();
      expect(await filesOfNext()).toEqual([]);
    });

    it('are no more when the one before them fails', async () => {
      const [before, told] = await twoCommands('exit 1');
      await adopt();
      const first = await attach(before);
      await letGo(before);
      expect((await first.exit).exitCode).toBe(1);
      expect(await filesOfNext()).toEqual([]);
      expect(await attachCommand(shellAgent.host, heir, told.spec, told.sink)).toBe('not-started');
    });

    it('give way to another command that the script came to', async () => {
      const [before, told] = await twoCommands('exit 1');
      await adopt();
      const other = { ...told.spec, stdin: undefined };
      expect(await attachCommand(shellAgent.host, heir, other, told.sink)).toBe('not-started');
      expect(await filesOfNext()).not.toContain('command.c2');
      await letGo(before);
      const running = await runCommand(shellAgent.host, heir, other, told.sink);
      expect((await running.exit).exitCode).toBe(8);
      expect(told.said).toBe('begun\n');
    });
  });
});
