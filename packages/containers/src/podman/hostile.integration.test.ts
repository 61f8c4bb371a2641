// What commands may do to their container, and what then must and must not happen, with real
// Podman.
import { existsSync } from 'node:fs';
import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { uuidv7 } from '@rivet/base';
import { startProcess } from '@rivet/processes';
import { describe, expect, it } from 'vitest';
import { plainSpec } from '../testing/plain-spec.ts';
import { usePodman } from '../testing/use-podman.ts';

const IMAGE = 'localhost/rivet/base:latest';
const podman = usePodman('hostile');
const { driver, labels, start, sh } = podman;

describe('a command that goes wild', () => {
  it('cannot change its requests, and its container works on when it deletes its spool', async () => {
    const container = await start();
    const { stdout, stderr, exit } = await sh(
      container,
      'echo x > /.rivet/in/agent; rm -rf /.rivet/out/*; mkfifo /.rivet/out/c1.stdout; echo shown; exit 4',
    );
    expect({ stdout, code: exit.exitCode }).toEqual({ stdout: 'shown\n', code: 4 });
    expect(stderr).toContain('Read-only file system');
    expect((await sh(container, 'echo next')).stdout).toBe('next\n');
    await container.remove();
  });

  it.each([
    ['FIFOs', 'rm -f "$f" && mkfifo "$f"'],
    ['directories', 'rm -f "$f" && mkdir "$f"'],
    ['links to a file of its own', 'rm -f "$f" && ln -s /tmp/kept "$f"'],
    ['links to devices', 'rm -f "$f" && ln -s /dev/zero "$f"'],
    ['nothing', 'mv "$f" /tmp/'],
    ['empty files', ': >"$f"'],
  ])('is read to its end when it makes %s of its files', async (_, change) => {
    const container = await start();
    // The files of the next slot are there, and open, after a moment.
    const script = `sleep 0.5; for f in /.rivet/out/*; do ${change}; done; echo shown; exit 4`;
    const { stdout, exit } = await sh(container, script);
    expect({ stdout, code: exit.exitCode }).toEqual({ stdout: 'shown\n', code: 4 });
    for (const word of ['one', 'two']) {
      expect((await sh(container, `echo ${word}`)).stdout).toBe(`${word}\n`);
    }
    expect((await sh(container, 'cat /tmp/kept')).exit.exitCode).toBe(1);
    await container.remove();
  });

  it('is ended when its output is larger than all that can be printed', async () => {
    const container = await start();
    const script = 'for f in /.rivet/out/*.stdout; do truncate -s 40G "$f"; done; sleep 1000';
    await expect(sh(container, script)).rejects.toMatchObject({
      code: 'RIVET_CONTAINER_OUTPUT_FORGED',
    });
    expect((await sh(container, 'ps')).stdout).not.toContain('sleep 1000');
    await container.remove();
  });

  it('is ended when it writes more about itself than the agent would', async () => {
    const container = await start();
    const script =
      'for f in /.rivet/out/*.status; do head -c 100000 /dev/zero >>"$f"; done; sleep 1000';
    expect((await sh(container, script)).exit).toMatchObject({ exitCode: 137, signal: 'SIGKILL' });
    expect((await sh(container, 'echo next')).stdout).toBe('next\n');
    await container.remove();
  });

  it('is read to its end when it leaves half a line where the agent tells of it', async () => {
    const container = await start();
    const script = 'sleep 0.5; for f in /.rivet/out/*.status; do printf x >>"$f"; done; exit 3';
    expect((await sh(container, script)).exit).toMatchObject({ exitCode: 3, signal: undefined });
    expect((await sh(container, 'echo next')).stdout).toBe('next\n');
    await container.remove();
  });

  it('has nobody run the next commands twice, whatever it leaves to write to their files', async () => {
    const container = await start();
    const scribble = 'for f in /.rivet/out/slot*; do printf x >>"$f"; done; sleep 0.004';
    await sh(container, `(while :; do ${scribble}; done) >/dev/null 2>&1 & exit 0`);
    for (let n = 1; n <= 20; n += 1) await sh(container, `echo ${n} >>/tmp/ran`);
    await sh(container, 'kill -9 -1');
    const { stdout } = await sh(container, 'cat /tmp/ran');
    expect(stdout.trim().split('\n')).toEqual(Array.from({ length: 20 }, (_, n) => `${n + 1}`));
    await container.remove();
  });

  it('is heard of, and the next one begins, when it stops what watches and what waits', async () => {
    const container = await start();
    await sh(container, 'true');
    // What waits for the next one is there after a moment, or the next one asks for it anew.
    const script = `n=0; until [ -n "$found" ] || [ $((n += 1)) = 40 ]; do sleep 0.1
      for p in /proc/[0-9]*; do
        tr '\\0' ' ' <$p/cmdline | grep -q in/comman[d] && found="$found \${p#/proc/}"
      done
    done; for p in $found; do kill -STOP $p && echo stopped; done; kill -STOP $PPID; exit 3`;
    let stopped = '';
    for (let tries = 0; tries < 10 && stopped === ''; tries += 1) {
      const { stdout, exit } = await sh(container, script);
      expect(exit.exitCode).toBe(3);
      stopped = stdout;
      expect((await sh(container, 'echo next')).stdout).toBe('next\n');
    }
    expect(stopped).toBe('stopped\n');
    await container.remove();
  });

  it('harms only its container when it asks the agent to kill everything', async () => {
    const [container, other] = [await start(), await start()];
    await sh(container, 'echo "signal 1 KILL" >/.rivet/in/requests; sleep 1000').catch(
      () => undefined,
    );
    expect((await sh(other, 'echo alive')).stdout).toBe('alive\n');
    expect((await sh(container, 'echo next')).stdout).toBe('next\n');
    await Promise.all([container.remove(), other.remove()]);
  });

  it('ends when it kills everything in the container, which then takes commands again', async () => {
    const container = await start();
    expect((await sh(container, 'kill -9 -1; sleep 1000')).exit.exitCode).toBe(137);
    expect((await sh(container, 'echo next')).stdout).toBe('next\n');
    await container.remove();
  });

  it('is told apart when it runs out of memory', async ({ skip }) => {
    skip(!podman.canLimit, 'this machine cannot limit memory');
    const container = await start({ memoryBytes: 64 * 1024 * 1024 });
    const { exit } = await sh(container, 'x=a; while :; do x=$x$x; done');
    expect(exit).toMatchObject({ exitCode: 137, signal: 'SIGKILL', cause: 'out-of-memory' });
    // The monitor of a container notes the kill in a file of its directory, which must not be ours.
    expect(existsSync('oom')).toBe(false);
    expect((await sh(container, 'exit 1')).exit.cause).toBeUndefined();
    await container.remove();
  });

  it('is held back when it prints faster than its output is taken, and goes on later', async () => {
    const name = `rivet-test-${uuidv7()}`;
    const container = await start({ name, controlDirectory: join(podman.directory, name) });
    const bytes = 2_000_000_000;
    let taken = 0;
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const running = await container.run(
      {
        id: 'flood',
        argv: ['head', '-c', String(bytes), '/dev/zero'],
        env: {},
        cwd: '/',
        stdin: undefined,
      },
      async (_, chunk) => {
        taken += chunk.length;
        await released;
      },
    );
    const out = join(podman.directory, name, 'out');
    let before = -1;
    const standsStill = async (): Promise<boolean> => {
      const names = (await readdir(out)).filter((file) => file.endsWith('.stdout'));
      const sizes = names.map(async (file) => (await stat(join(out, file))).size);
      const size = Math.max(...(await Promise.all(sizes)));
      const still = size === before && size > 64 * 1024 * 1024;
      before = size;
      return still;
    };
    await expect.poll(standsStill, { timeout: 30_000, interval: 500 }).toBe(true);
    expect(before).toBeLessThan(bytes);
    await running.signal('TERM');
    release();
    expect(await running.exit).toMatchObject({ exitCode: 143 });
    expect(taken).toBeLessThan(bytes);
    await container.remove();
  });

  it('prints all of it also when it was held back', async () => {
    const container = await start();
    let taken = 0;
    const bytes = 200_000_000;
    const running = await container.run(
      {
        id: 'slow',
        argv: ['head', '-c', String(bytes), '/dev/zero'],
        env: {},
        cwd: '/',
        stdin: undefined,
      },
      async (_, chunk) => {
        // The first chunk is taken only when more than enough waits behind it.
        if (taken === 0) await new Promise((resolve) => setTimeout(resolve, 1500));
        taken += chunk.length;
      },
    );
    expect(await running.exit).toMatchObject({ exitCode: 0 });
    expect(taken).toBe(bytes);
    await container.remove();
  });

  it('is told apart when the disk is full', async ({ skip }) => {
    skip(process.getuid?.() !== 0, 'only root can mount a small file system');
    const place = join(podman.directory, 'small');
    await mkdir(place);
    const mount = startProcess({
      file: 'mount',
      args: ['-t', 'tmpfs', '-o', 'size=2m,mode=711', 'tmpfs', place],
      env: { PATH: process.env.PATH },
    });
    expect((await mount.exit).code).toBe(0);
    try {
      const container = await start({
        controlDirectory: join(place, 'control'),
        mounts: [{ source: place, target: '/small', readonly: false }],
      });
      const { exit } = await sh(container, 'head -c 9000000 /dev/zero > /small/x');
      expect(exit).toMatchObject({ exitCode: 1, cause: 'disk-full' });
      await container.remove();
    } finally {
      const umount = startProcess({
        file: 'umount',
        // Lazily: the monitor of the container may still be about to leave it.
        args: ['-l', place],
        env: { PATH: process.env.PATH },
      });
      await umount.exit;
    }
  });

  it('leaves no zombies behind', async () => {
    const container = await start();
    await sh(container, 'for i in 1 2 3 4 5; do (sleep 0.01 &) ; done; sleep 0.1');
    // One that has just ended may be seen before it is reaped.
    const zombies = () => sh(container, 'grep -l "^State:.Z" /proc/[0-9]*/status');
    await expect.poll(async () => (await zombies()).stdout, { timeout: 30_000 }).toBe('');
    await container.remove();
  });
});

it('refuses a limit where a machine cannot keep it (skipped where it can)', async ({ skip }) => {
  skip(podman.canLimit, 'this machine can limit memory');
  await expect(start({ memoryBytes: 64 * 1024 * 1024 })).rejects.toMatchObject({
    code: 'RIVET_CONTAINER_LIMIT_UNSUPPORTED',
  });
});

it('runs as another user with nothing but its own files, and no way to more rights', async () => {
  const container = await start({ user: '1000' });
  const { stdout, stderr } = await sh(
    container,
    'id -u; echo told > /dev/stderr; grep -E "NoNewPrivs|CapEff" /proc/self/status; touch /.rivet/out/x',
  );
  expect(stdout).toBe('1000\nCapEff:\t0000000000000000\nNoNewPrivs:\t1\n');
  expect(stderr).toMatch(/^told\n.*Permission denied/);
  await container.remove();
});

it('sees nothing of the control directory of another container, and cannot reach it', async () => {
  const [container, other] = [await start(), await start()];
  const command = { id: 'hidden', argv: ['sleep', '1000'], env: {}, cwd: '/', stdin: undefined };
  const running = await other.run(command, () => undefined);
  const directory = join(podman.directory, other.name);
  const before = await readdir(join(directory, 'out'));
  const { stdout } = await sh(
    container,
    `ls -a /.rivet /.rivet/in /.rivet/out; mount | grep -c "${other.name}"; cd /.rivet/out/../../..; pwd
    for f in ${directory} ${directory}/in/requests ${directory}/out; do
      [ ! -e "$f" ] || echo reached; (echo "exit 0" >>"$f") 2>/dev/null && echo written; done`,
  );
  expect(stdout).not.toMatch(/hidden|reached|written/);
  expect(stdout).toMatch(/\n0\n\/\n$/);
  expect(await readdir(join(directory, 'out'))).toEqual(before);
  // Other users of the machine do not come in either.
  expect((await stat(directory)).mode & 0o077).toBe(0);
  await running.signal('TERM');
  expect(await running.exit).toMatchObject({ exitCode: 143 });
  await Promise.all([container.remove(), other.remove()]);
});

it('leaves nothing of what a running command was given on the disk of the machine', async () => {
  const container = await start();
  const command = {
    id: 'given',
    argv: ['sh', '-c', 'sleep 1000; cat'],
    env: { TOKEN: 'secret-in-env' },
    cwd: '/',
    stdin: Buffer.from('secret-in-stdin'),
  };
  const running = await container.run(command, () => undefined);
  const left = async () => (await readdir(join(podman.directory, container.name, 'in'))).sort();
  const kept = ['agent', 'command', 'requests', 'slot0', 'slot1'];
  await expect.poll(left, { timeout: 30_000 }).toEqual(kept);
  expect(running.pid).toBeGreaterThan(0);
  await running.signal('KILL');
  await running.exit;
  await container.remove();
});

it('says that a container was lost when someone removes it', async () => {
  const container = await start();
  const command = { id: 'lost', argv: ['sleep', '1000'], env: {}, cwd: '/', stdin: undefined };
  const running = await container.run(command, () => undefined);
  await driver.removeLabelled(labels);
  await expect(running.exit).rejects.toMatchObject({ code: 'RIVET_CONTAINER_LOST' });
  await container.remove();
});

it("works on without Podman's monitor of it, and is removed all the same", async () => {
  const container = await start();
  const first = sh(container, 'until [ -e /tmp/go ]; do sleep 0.1; done; echo heard; exit 4');
  process.kill(await monitorOf(container.name), 'SIGKILL');
  expect((await sh(container, 'touch /tmp/go')).exit.exitCode).toBe(0);
  expect(await first).toMatchObject({ stdout: 'heard\n', exit: { exitCode: 4 } });
  expect(await container.isRunning()).toBe(true);
  await container.remove();
  expect((await driver.list(labels)).map(({ name }) => name)).not.toContain(container.name);
});

it('mounts directories whatever their names', async () => {
  const source = join(podman.directory, 'a,b:c "d"');
  await mkdir(source);
  await writeFile(join(source, 'file'), 'content');
  const container = await start({ mounts: [{ source, target: '/x, "y":z', readonly: true }] });
  const { stdout, exit } = await sh(container, 'cat "/x, \\"y\\":z/file"; touch "/x, \\"y\\":z/g"');
  expect(stdout).toBe('content');
  expect(exit.exitCode).not.toBe(0);
  await container.remove();
});

describe('an image with an entrypoint', () => {
  const image = 'localhost/rivet/entrypoint:latest';

  it('works as it is: its entrypoint is not run', async () => {
    const container = await start({ image });
    expect((await sh(container, 'echo ran')).stdout).toBe('ran\n');
    await container.remove();
  });

  it('runs the agent behind one that was asked for, with the variables', async () => {
    const entrypoint = ['sh', '-c', 'export SEEN="$GIVEN"; exec "$@"', 'sh'];
    const container = await start({ image, entrypoint, env: { GIVEN: 'two\nlines' } });
    expect((await sh(container, 'echo "$SEEN"')).stdout).toBe('two\nlines\n');
    await container.remove();
  });

  it('tells what one said that did not run the agent', async () => {
    await expect(start({ image, entrypoint: ['/bin/refuse'] })).rejects.toMatchObject({
      code: 'RIVET_CONTAINER_ENTRYPOINT_FAILED',
      message: expect.stringContaining('the entrypoint of the image ran'),
    });
  });
});

it.each([
  [{ user: 'nobody-knows' }, 'RIVET_CONTAINER_USER_UNKNOWN'],
  [{ entrypoint: ['/bin/no-such'] }, 'RIVET_CONTAINER_ENTRYPOINT_FAILED'],
  [
    { mounts: [{ source: '/no/such', target: '/x', readonly: true }] },
    'RIVET_CONTAINER_PODMAN_FAILED',
  ],
])('refuses to start with %j', async (changes, code) => {
  await expect(start(changes)).rejects.toMatchObject({ code });
});

it('removes what containers wrote as other users, closed directories too', async () => {
  const workspace = join(podman.directory, 'workspace');
  await mkdir(workspace);
  await startProcess({ file: 'chmod', args: ['777', workspace], env: { PATH: '/bin' } }).exit;
  const container = await start({
    user: '1000:1000',
    mounts: [{ source: workspace, target: '/workspace', readonly: false }],
  });
  const made = await sh(
    container,
    'mkdir -p /workspace/a/b && touch /workspace/a/b/c && chmod 0 /workspace/a/b',
  );
  expect(made.exit.exitCode).toBe(0);
  await container.remove();
  await driver.removeTree(workspace);
  await expect(driver.removeTree(workspace)).resolves.toBeUndefined();
});

it('finds by its labels what a program left that was killed with its containers running', async () => {
  const orphaned = { 'dev.rivet.test': uuidv7() };
  const module = new URL('./driver.ts', import.meta.url).pathname;
  const controlDirectory = join(podman.directory, 'orphan');
  const spec = plainSpec({ image: IMAGE, labels: orphaned, controlDirectory });
  const program = `
    const { createPodmanDriver } = await import(${JSON.stringify(module)});
    const container = await createPodmanDriver().start(${JSON.stringify(spec)});
    const argv = ['sleep', '1000'];
    await container.run({ id: 'c', argv, env: {}, cwd: '/' }, () => {});
    process.kill(process.pid, 'SIGKILL');`;
  const child = startProcess({
    file: process.execPath,
    args: ['--input-type=module', '-e', program],
    env: process.env,
    stdout: 'ignore',
    stderr: 'inherit',
  });
  expect(await child.exit).toMatchObject({ signal: 'SIGKILL' });
  expect(await driver.list(orphaned)).toMatchObject([{ name: spec.name, running: true }]);
  expect(await driver.removeLabelled(orphaned)).toBe(1);
  expect(await driver.list(orphaned)).toEqual([]);
});

/** The process with which Podman looks after a container. */
async function monitorOf(container: string): Promise<number> {
  const inspect = startProcess({
    file: 'podman',
    args: ['container', 'inspect', '--format', '{{.State.ConmonPid}}', container],
    env: { ...process.env },
  });
  const pid = Number(await text(inspect.stdout!));
  expect(pid).toBeGreaterThan(1);
  return pid;
}
