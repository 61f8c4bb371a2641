// Commands by `podman exec`: the contract of drivers over it, and an image that has no shell.
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { uuidv7 } from '@rivet/base';
import { startProcess } from '@rivet/processes';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeDriver } from '../driver-conformance.ts';
import { plainSpec } from '../testing/plain-spec.ts';
import { usePodman } from '../testing/use-podman.ts';
import { createPodmanDriver } from './driver.ts';
import { findMarked } from './marked-processes.ts';

describeDriver('podman without control directories', {
  create: () => createPodmanDriver({ controlDirectory: false }),
  successor: () => createPodmanDriver(),
  attaches: false,
  image: 'localhost/rivet/base:latest',
  missingImage: 'localhost/rivet/missing:1',
});

const catatonit = (process.env.PATH ?? '').split(':').map((folder) => join(folder, 'catatonit'));
const busybox = ['/bin/busybox'];

describe.each([
  ['catatonit', { catatonit, busybox: [] }],
  ['busybox', { catatonit: [], busybox }],
])('an image without a shell, in a container of %s', (program, pauseCandidates) => {
  const podman = usePodman('no-shell', { pauseCandidates });
  const image = `localhost/rivet-test/no-shell:${uuidv7()}`;
  const command = (argv: readonly string[], changes = {}) => ({
    id: uuidv7(),
    argv,
    env: {},
    cwd: '/',
    stdin: undefined,
    ...changes,
  });
  const run = async (argv: readonly string[], changes = {}) => {
    const container = await podman.start({ image });
    const text = { stdout: '', stderr: '' };
    const running = await container.run(command(argv, changes), (stream, bytes) => {
      text[stream] += Buffer.from(bytes).toString();
    });
    const exit = await running.exit;
    await container.remove();
    return { exit, ...text };
  };

  beforeAll(async () => {
    // One program under names that are none of a shell's.
    const context = join(podman.directory, 'image');
    await mkdir(context);
    const copied = startProcess({
      file: 'cp',
      args: ['/bin/busybox', join(context, 'tool')],
      env: { PATH: '/usr/bin:/bin' },
    });
    expect((await copied.exit).code).toBe(0);
    const programs = ['env', 'cat', 'sleep', 'true'].map((name) => `COPY tool /bin/${name}`);
    await writeFile(join(context, 'Containerfile'), ['FROM scratch', ...programs].join('\n'));
    await podmanCli(['build', '--quiet', '--tag', image, context]);
  });
  afterAll(async () => {
    await podmanCli(['image', 'rm', '--force', '--ignore', image]);
  });

  it('runs nothing else in it, and nothing of a command that did not start', async () => {
    const container = await podman.start({ image });
    const list = async () => {
      const listed = startProcess({
        file: 'podman',
        args: ['top', container.name, 'pid', 'args'],
        env: process.env,
      });
      return (await listed.stdout?.setEncoding('utf8').toArray())?.join('') ?? '';
    };
    expect(await list()).toMatch(new RegExp(`\\n1 +/.rivet/(?:pause -P|${program} sh)`));
    const running = await container.run(command(['sh', 'sleep', '1000']), () => undefined);
    expect(await running.exit).toMatchObject({ exitCode: 127 });
    expect(await list()).not.toContain('1000');
    await container.remove();
  });

  it('runs commands with their variables, input and exit code', async () => {
    const env = { ONE: 'a "b" $c', TWO: 'two\nlines' };
    const { stdout, exit } = await run(['env'], { env });
    expect(stdout).toContain('ONE=a "b" $c\n');
    expect(stdout).toContain('TWO=two\nlines\n');
    expect(exit).toMatchObject({ exitCode: 0, signal: undefined, cause: undefined });
    expect((await run(['cat'], { stdin: Buffer.from('input') })).stdout).toBe('input');
  });

  it('tells programs and directories that are not there from each other', async () => {
    const { exit, stderr } = await run(['sh', '-c', 'true']);
    expect(exit).toMatchObject({ exitCode: 127, cause: 'not-found' });
    expect(stderr).toBe('rivet: sh: not found\n');
    await expect(run(['true'], { cwd: '/none' })).rejects.toMatchObject({
      code: 'RIVET_CONTAINER_CWD_MISSING',
    });
    expect((await run(['/bin'])).exit).toMatchObject({ exitCode: 126, cause: 'not-executable' });
  });

  it('shows variables neither on the list of processes nor on the disk, and ends when it is told to', async () => {
    const container = await podman.start({ image });
    const given = command(['sleep', '1000'], { env: { TOKEN: 'secret-of-exec' } });
    const running = await container.run(given, () => undefined);
    expect(running.pid).toBeGreaterThan(0);
    const listed = startProcess({
      file: 'ps',
      args: ['-eo', 'args'],
      env: { PATH: '/usr/bin:/bin' },
    });
    const text = (await listed.stdout?.setEncoding('utf8').toArray())?.join('');
    expect(text).toContain('sleep 1000');
    expect(text).not.toContain('secret-of-exec');
    expect(await readdir(join(podman.directory, container.name))).not.toContainEqual(
      expect.stringContaining('.env'),
    );
    await running.signal('TERM');
    expect(await running.exit).toMatchObject({ exitCode: 143, signal: 'SIGTERM' });
    await container.remove();
  });

  it('refuses a variable that Podman cannot hand on unseen', async () => {
    await expect(run(['env'], { env: { PATH: 'two\nlines' } })).rejects.toMatchObject({
      code: 'RIVET_CONTAINER_COMMAND_INVALID',
    });
  });
});

it('says what is missing where a machine has no program that could keep the container', async () => {
  const pauseCandidates = { catatonit: ['/none'], busybox: ['/etc/passwd', '/usr/bin/env'] };
  const driver = createPodmanDriver({ controlDirectory: false, pauseCandidates });
  const started = driver.start({
    ...plainSpec({ image: 'localhost/rivet/base:latest', labels: {}, controlDirectory: '/none' }),
  });
  await expect(started).rejects.toMatchObject({
    code: 'RIVET_CONTAINER_NO_SHELL',
    message: expect.stringContaining('control directories are turned off'),
  });
  await driver.close();
});

it('finds nothing of a process that is no more', () => {
  expect(findMarked(2 ** 22 + 1, 'none')).toEqual([]);
});

async function podmanCli(args: readonly string[]): Promise<void> {
  const podman = startProcess({ file: 'podman', args, env: process.env, stdout: 'ignore' });
  expect((await podman.exit).code).toBe(0);
}
