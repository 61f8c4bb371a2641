// Limits, containers beside others, and file systems in memory, with real Podman.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { uuidv7 } from '@rivet/base';
import { describe, expect, it } from 'vitest';
import type { Container } from '../driver.ts';
import { usePodman } from '../testing/use-podman.ts';
import { ProcessLimit } from './process-limit.ts';
import { pidsDirectory } from './process-refusals.ts';

const podman = usePodman('limits');
const { driver, labels, start, sh } = podman;

/** The process id of a container's main process, which reaps what commands leave. */
async function mainOf(container: Container): Promise<number> {
  return Number(await readFile(join(podman.directory, container.name, 'pid'), 'utf8'));
}

/** How many processes the kernel lets a container have, and how many it counts. */
async function countsOf(container: Container): Promise<{ most: number; now: number }> {
  const directory = pidsDirectory(
    await readFile(`/proc/${await mainOf(container)}/cgroup`, 'utf8'),
  );
  const read = async (name: string) => Number(await readFile(`${directory}/${name}`, 'utf8'));
  return { most: await read('pids.max'), now: await read('pids.current') };
}

/** One command after the other, each with all that it says. */
async function echoEach(container: Container, words: readonly string[]): Promise<void> {
  for (const word of words) {
    expect(await sh(container, `echo ${word}`)).toMatchObject({ stdout: `${word}\n`, stderr: '' });
  }
}

describe('a limit of processes', () => {
  it.for([4, 12])('lets a command have exactly %i', async (pids, { skip }) => {
    skip(!podman.canLimit, 'this machine cannot limit processes');
    const container = await start({ pids });
    const said = sh(
      container,
      // A fork that fails ends the shell, so what was counted is written before each.
      `until [ -e /.rivet/out/go ]; do :; done
      n=1; while [ $n -lt 60 ]; do echo $n; sleep 30 & n=$((n+1)); done`,
    );
    // The agent's two, three for the command, and its own: nothing of its start is left.
    await expect.poll(() => countsOf(container)).toEqual({ most: pids + 5, now: 6 });
    await writeFile(join(podman.directory, container.name, 'out/go'), '');
    expect(Number((await said).stdout.trim().split('\n').at(-1))).toBe(pids);
    await container.remove();
  });

  it('leaves a command that starts room for what others have left, and for no more', async ({
    skip,
  }) => {
    skip(!podman.canLimit, 'this machine cannot limit processes');
    const container = await start({ pids: 6 });
    const limit = await ProcessLimit.of(await mainOf(container), 6, false);
    const startOne = async (): Promise<{ room: number; now: number }> => {
      const begun = limit.starting();
      const { most, now } = await countsOf(container);
      begun();
      limit.ended();
      return { room: most - now, now };
    };
    // What was asked for and what a start takes, besides the agent's two.
    expect(await startOne()).toEqual({ room: 6 + 5, now: 2 });
    process.kill(await mainOf(container), 'SIGSTOP');
    await sh(container, 'exit 0');
    const left = expect.toSatisfy((now: number) => now > 2);
    await expect.poll(startOne).toEqual({ room: 6 + 5, now: left });
    process.kill(await mainOf(container), 'SIGCONT');
    await expect.poll(startOne).toEqual({ room: 6 + 5, now: 2 });
    await container.remove();
  });

  const greedy = 'n=0; while [ $n -lt 20 ]; do sleep 30 & echo $! >>/tmp/pids; n=$((n+1)); done';

  it.for(['its container', 'a command of its own'])(
    'of %s is why a command failed that was refused a process',
    async (whose, { skip }) => {
      skip(!podman.canLimit, 'this machine cannot limit processes');
      const isOwn = whose !== 'its container';
      const first = await start(isOwn ? {} : { pids: 6 });
      const container = isOwn ? await start({ beside: first.name, pids: 6 }) : first;
      const { exit } = await sh(container, greedy);
      expect(exit.cause).toBe('process-limit');
      expect(exit.exitCode).not.toBe(0);
      await driver.removeNamed([container.name, first.name]);
    },
  );

  it('is not why a command failed after one that was refused a process and got along', async ({
    skip,
  }) => {
    skip(!podman.canLimit, 'this machine cannot limit processes');
    const container = await start({ pids: 6 });
    const ended = 'while read -r pid; do kill -9 "$pid"; done </tmp/pids; exit 0';
    expect((await sh(container, `sh -c '${greedy}' || { ${ended}; }`)).exit.exitCode).toBe(0);
    expect((await sh(container, 'exit 1')).exit.cause).toBeUndefined();
    await container.remove();
  });
});

it('takes one command after another in the least that a container can be given', async ({
  skip,
}) => {
  skip(!podman.canLimit, 'this machine cannot limit memory and processes');
  const container = await start({ pids: 1, memoryBytes: 16 * 1024 * 1024 });
  await echoEach(container, ['one', 'two', 'three']);
  await container.remove();
});

it('takes commands while those that ended still count: nobody has reaped their processes', async ({
  skip,
}) => {
  skip(!podman.canLimit, 'this machine cannot limit processes');
  const container = await start({ pids: 1 });
  expect((await sh(container, 'exit 0')).exit.exitCode).toBe(0);
  const reaper = await mainOf(container);
  process.kill(reaper, 'SIGSTOP');
  await echoEach(container, ['one', 'two', 'three', 'four']);
  process.kill(reaper, 'SIGCONT');
  await container.remove();
});

it('shows a handful of processes besides those of commands', async () => {
  const container = await start();
  // The next slot is there after a moment.
  const { stdout } = await sh(container, 'sleep 0.5; ls -d /proc/[0-9]* | wc -l');
  // The agent's two, four for the next command, three for this one, and its own.
  expect(Number(stdout)).toBeLessThanOrEqual(13);
  await container.remove();
});

describe('a container beside another', () => {
  it('shares files and network, and has mounts of its own', async () => {
    const shared = join(podman.directory, uuidv7());
    await mkdir(shared);
    await writeFile(join(shared, 'file'), 'text');
    const mount = { source: shared, target: '/workspace' };
    const first = await start({ mounts: [{ ...mount, readonly: false }], network: 'default' });
    await sh(
      first,
      'echo installed >/tool; ip -o link >/net 2>/dev/null || cat /proc/net/dev >/net',
    );
    const second = await start({
      beside: first.name,
      mounts: [{ ...mount, readonly: true }],
    });
    const seen = await sh(
      second,
      'cat /tool /workspace/file; (ip -o link || cat /proc/net/dev) 2>/dev/null | cmp - /net && echo same-net; touch /workspace/new; echo changed >/tool',
    );
    expect(seen.stdout).toBe('installed\ntextsame-net\n');
    expect(seen.stderr).toContain('Read-only file system');
    expect((await sh(first, 'cat /tool')).stdout).toBe('changed\n');
    await second.remove();
    expect((await sh(first, 'echo alive')).stdout).toBe('alive\n');
    await first.remove();
  });

  it('has limits of its own', async ({ skip }) => {
    skip(!podman.canLimit, 'this machine cannot limit memory');
    const first = await start();
    const second = await start({ beside: first.name, memoryBytes: 64 * 1024 * 1024 });
    const greedy = 'dd if=/dev/zero of=/dev/null bs=200M count=1';
    const { exit } = await sh(second, greedy);
    expect(exit).toMatchObject({ exitCode: 137, cause: 'out-of-memory' });
    expect((await sh(first, greedy)).exit.exitCode).toBe(0);
    await second.remove();
    await first.remove();
  });

  it('cannot be started beside one that is gone', async () => {
    const name = `rivet-test-${uuidv7()}`;
    await expect(start({ beside: name })).rejects.toMatchObject({ code: 'RIVET_CONTAINER_LOST' });
  });

  it('is removed with the other, in whatever order', async () => {
    const own = { ...labels, 'dev.rivet.test-pair': uuidv7() };
    const first = await start({ labels: own });
    await start({ labels: own, beside: first.name });
    expect(await driver.removeLabelled(own)).toBe(2);
  });
});

describe('a file system in memory', () => {
  it('is empty, can be written to, and has the size that was asked for', async () => {
    const container = await start({
      scratch: [{ target: '/scratch', bytesMax: 1024 * 1024 }],
      user: 'nobody',
    });
    const { stdout, exit } = await sh(
      container,
      'ls -A /scratch; head -c 2000000 /dev/zero >/scratch/x 2>/dev/null; code=$?; wc -c </scratch/x; exit $code',
    );
    expect(stdout.trim()).toBe(String(1024 * 1024));
    expect(exit.exitCode).toBe(1);
    await container.remove();
  });
});
