// What every container driver must do: one suite, run over each implementation by its own test
// file.
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { uuidv7 } from '@rivet/base';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type {
  CommandExit,
  CommandSpec,
  Container,
  ContainerDriver,
  ContainerSpec,
} from './driver.ts';
import type { FakeCommand, FakeOutcome } from './fake/driver.ts';
import type { BuildSpec } from './image-operations.ts';
import { plainSpec } from './testing/plain-spec.ts';

/**
 * The commands of the suite: what a shell is told, and what it then does, for drivers that act it.
 */
const SCRIPTS = {
  'echo out; echo err >&2': () => ({ stdout: 'out\n', stderr: 'err\n' }),
  'exit 3': () => ({ exitCode: 3 }),
  cat: (command) => ({ stdout: command.stdin ?? '' }),
  'echo "$A|$B|$C"': ({ env }) => ({ stdout: `${env.A}|${env.B}|${env.C}\n` }),
  pwd: ({ cwd }) => ({ stdout: `${cwd}\n` }),
  'sleep 0.3': () => ({ delayMs: 300 }),
  'sleep 0.3; exit 3': () => ({ delayMs: 300, exitCode: 3 }),
  'sleep 60': () => ({ delayMs: Number.POSITIVE_INFINITY }),
  'trap "" TERM; echo ready; while :; do sleep 60; done': () => ({
    stdout: 'ready\n',
    delayMs: Number.POSITIVE_INFINITY,
    ignores: ['TERM'],
  }),
  'head -c 300000 /dev/zero': () => ({ stdout: Buffer.alloc(300_000) }),
} satisfies Record<string, (command: FakeCommand) => FakeOutcome>;

/** Acts the commands of the suite; what it is for is the fake. */
export function actConformanceCommand(command: FakeCommand): FakeOutcome | undefined {
  const [program, , script = ''] = command.argv;
  if (program === 'printf') return { stdout: command.argv.slice(2).join('') };
  if (program !== 'sh' || !Object.hasOwn(SCRIPTS, script)) return undefined;
  return SCRIPTS[script as keyof typeof SCRIPTS](command);
}

export interface ConformanceOptions {
  readonly create: () => ContainerDriver;
  /** The driver of another process on the same machine. */
  readonly successor: (driver: ContainerDriver) => ContainerDriver;
  /** False where nobody can say what became of a command of another process; true when absent. */
  readonly attaches?: boolean;
  readonly image: string;
  /** Valid, and on no machine. */
  readonly missingImage: string;
}

/** One container and the outputs of its commands, for a test. */
interface Fixture {
  readonly container: Container;
  run(
    command: Partial<CommandSpec>,
  ): Promise<{ exit: CommandExit; stdout: string; stderr: string }>;
}

function adopted(container: Container | undefined): Container {
  if (container === undefined) throw new Error('the container was not found again');
  return container;
}

export function describeDriver(name: string, options: ConformanceOptions): void {
  const { create, successor, image, missingImage } = options;
  describe(`${name} as a container driver`, () => {
    const labels = { 'dev.rivet.test': uuidv7() };
    let driver: ContainerDriver;
    let directory: string;
    let fixture: Fixture;
    let count = 0;
    const next = (): string => {
      count += 1;
      return `test-${count}`;
    };
    const specOf = (changes: Partial<ContainerSpec> = {}): ContainerSpec => {
      const controlDirectory = join(directory, uuidv7());
      const env = { A: 'of the container', B: 'of the container' };
      return plainSpec({ image, labels, env, controlDirectory, ...changes });
    };
    const commandOf = (script: keyof typeof SCRIPTS, changes: Partial<CommandSpec> = {}) => ({
      id: next(),
      argv: ['sh', '-c', script],
      env: {},
      cwd: '/tmp',
      stdin: undefined,
      ...changes,
    });
    const ignore = (): void => undefined;

    beforeAll(async () => {
      directory = await mkdtemp(join(tmpdir(), 'rivet-conformance-'));
      driver = create();
      const container = await driver.start(specOf());
      fixture = {
        container,
        async run(command) {
          const text = { stdout: '', stderr: '' };
          const running = await container.run(
            { ...commandOf('exit 3'), ...command },
            (stream, bytes) => {
              text[stream] += Buffer.from(bytes).toString('latin1');
            },
          );
          return { exit: await running.exit, ...text };
        },
      };
    });
    afterAll(async () => {
      await driver.removeLabelled(labels);
      await driver.close();
      await rm(directory, { recursive: true, force: true });
    });

    it('keeps standard output and standard error apart', async () => {
      const result = await fixture.run(commandOf('echo out; echo err >&2'));
      expect(result).toMatchObject({ stdout: 'out\n', stderr: 'err\n', exit: { exitCode: 0 } });
    });

    it('reports the exit code without a signal or a cause', async () => {
      const { exit } = await fixture.run(commandOf('exit 3'));
      expect(exit).toMatchObject({ exitCode: 3, signal: undefined, cause: undefined });
      expect(exit.durationMs).toBeGreaterThanOrEqual(0);
    });

    it('gives standard input byte for byte, and an empty one when there is none', async () => {
      const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
      const { stdout } = await fixture.run(commandOf('cat', { stdin: bytes }));
      expect(Buffer.from(stdout, 'latin1')).toEqual(Buffer.from(bytes));
      expect((await fixture.run(commandOf('cat'))).stdout).toBe('');
    });

    it('lets the variables of a command come over those of the container', async () => {
      const command = commandOf('echo "$A|$B|$C"', { env: { B: 'own', C: "it's\nthree $lines" } });
      const { stdout } = await fixture.run(command);
      expect(stdout).toBe("of the container|own|it's\nthree $lines\n");
    });

    it('hands arguments on as they are', async () => {
      const words = ['', '-n', "'", '"', '$HOME `id` \\', '*', 'two words', 'a\nb'];
      const { stdout } = await fixture.run({ argv: ['printf', '%s', ...words] });
      expect(stdout).toBe(words.join(''));
    });

    it('runs in the working directory', async () => {
      expect((await fixture.run(commandOf('pwd', { cwd: '/tmp' }))).stdout).toBe('/tmp\n');
    });

    it('gives all of a large output', async () => {
      const { stdout } = await fixture.run(commandOf('head -c 300000 /dev/zero'));
      expect(stdout.length).toBe(300_000);
    });

    it('reports a program that does not exist as exit code 127 with a message', async () => {
      const { exit, stderr } = await fixture.run({ argv: ['no-such-program'] });
      expect(exit).toMatchObject({ exitCode: 127, cause: 'not-found' });
      expect(stderr).toContain('no-such-program: not found');
    });

    it('ends a command with a signal and says which', async () => {
      const running = await fixture.container.run(commandOf('sleep 60'), ignore);
      expect(running.pid).toBeGreaterThan(0);
      await running.signal('TERM');
      expect(await running.exit).toMatchObject({ exitCode: 143, signal: 'SIGTERM' });
      await running.signal('KILL');
    });

    it('kills a command that ignores TERM', async () => {
      const ready = Promise.withResolvers<void>();
      const command = commandOf('trap "" TERM; echo ready; while :; do sleep 60; done');
      const running = await fixture.container.run(command, () => ready.resolve());
      await ready.promise;
      await running.signal('SIGTERM');
      await running.signal('SIGKILL');
      expect(await running.exit).toMatchObject({ exitCode: 137, signal: 'SIGKILL' });
    });

    it('refuses a signal that does not exist', async () => {
      const running = await fixture.container.run(commandOf('sleep 60'), ignore);
      const refused = running.signal('TERM; id');
      await expect(refused).rejects.toMatchObject({ code: 'RIVET_CONTAINER_COMMAND_INVALID' });
      await running.signal('KILL');
      await running.exit;
    });

    it('runs several commands at the same time', async () => {
      const sleeping = await fixture.container.run(commandOf('sleep 60'), ignore);
      expect((await fixture.run(commandOf('exit 3'))).exit.exitCode).toBe(3);
      await sleeping.signal('KILL');
      await sleeping.exit;
    });

    it.skipIf(options.attaches === false)(
      'lets a command begin where the one before it has ended with success',
      async () => {
        const container = await driver.start(specOf());
        // The first command of a container finds no slot.
        await (await container.run(commandOf('exit 3'), ignore)).exit;
        const before = await container.run(commandOf('sleep 0.3'), ignore);
        const said = { stdout: '', stderr: '' };
        const echo = commandOf('echo out; echo err >&2');
        const next = await before.prepareNext(echo, (stream, bytes) => {
          said[stream] += Buffer.from(bytes).toString('latin1');
        });
        expect(await before.prepareNext(commandOf('exit 3'), ignore)).toBeUndefined();
        let begun: unknown;
        void next?.begun.then((command) => {
          begun = command;
        });
        expect(await before.exit).toMatchObject({ exitCode: 0 });
        expect(begun).toMatchObject({ id: echo.id });
        const running = await next?.begun;
        expect(await running?.exit).toMatchObject({ exitCode: 0 });
        expect(said).toEqual({ stdout: 'out\n', stderr: 'err\n' });
        await container.remove();
      },
    );

    it.skipIf(options.attaches === false)(
      'lets no command begin after a failure, a signal or a withdrawal, or with its container gone',
      async () => {
        const container = await driver.start(specOf());
        await (await container.run(commandOf('exit 3'), ignore)).exit;
        const told: string[] = [];
        for (const [script, act] of [
          ['sleep 0.3; exit 3', undefined],
          ['sleep 60', 'signal'],
          ['sleep 60', 'withdraw'],
          ['sleep 60', 'remove'],
        ] as const) {
          const before = await container.run(commandOf(script), ignore);
          const next = await before.prepareNext(commandOf('echo out; echo err >&2'), (stream) => {
            told.push(stream);
          });
          if (act === 'signal') await before.signal('TERM');
          if (act === 'withdraw') next?.withdraw();
          // Without waiting for the one before it.
          if (act === 'withdraw') await next?.begun.then(() => before.signal('KILL'));
          if (act === 'remove') await container.remove();
          await before.exit.catch(() => undefined);
          expect(next).toBeDefined();
          expect(await next?.begun).toBeUndefined();
        }
        expect(told).toEqual([]);
      },
    );

    it('rejects with what its sink threw', async () => {
      const running = await fixture.container.run(commandOf('echo out; echo err >&2'), () => {
        throw new Error('the sink is full');
      });
      await expect(running.exit).rejects.toThrow('the sink is full');
    });

    it.each([
      ['a NUL byte in an argument', { argv: ['printf', 'a\0b'] }],
      ['no program', { argv: [] }],
      ['a relative working directory', { cwd: 'tmp' }],
      ['an id with a path', { id: '../x' }],
      ['a variable with "=" in its name', { env: { 'A=B': '1' } }],
      ['a variable with a NUL byte', { env: { A: '\0' } }],
    ])('refuses a command with %s', async (_, changes) => {
      const started = fixture.container.run(commandOf('exit 3', changes), ignore);
      await expect(started).rejects.toMatchObject({ code: 'RIVET_CONTAINER_COMMAND_INVALID' });
    });

    it('refuses an argument that Linux would not take', async () => {
      const argv = ['printf', '%s', 'x'.repeat(128 * 1024)];
      const started = fixture.container.run(commandOf('exit 3', { argv }), ignore);
      await expect(started).rejects.toMatchObject({ code: 'RIVET_CONTAINER_ARGUMENTS_TOO_LONG' });
    });

    it.each([
      ['an option as image', { image: '--privileged' }, 'RIVET_CONTAINER_IMAGE_INVALID'],
      ['an empty image', { image: '' }, 'RIVET_CONTAINER_IMAGE_INVALID'],
      ['a name with a path', { name: '../x' }, 'RIVET_CONTAINER_SPEC_INVALID'],
      ['an option as user', { user: '--privileged' }, 'RIVET_CONTAINER_SPEC_INVALID'],
      ['no memory', { memoryBytes: 0 }, 'RIVET_CONTAINER_SPEC_INVALID'],
      ['memory that is no number', { memoryBytes: Number.NaN }, 'RIVET_CONTAINER_SPEC_INVALID'],
      ['a mount over the root', { mounts: [mountAt('/')] }, 'RIVET_CONTAINER_SPEC_INVALID'],
      [
        'a mount over the agent',
        { mounts: [mountAt('/.rivet/in')] },
        'RIVET_CONTAINER_SPEC_INVALID',
      ],
      [
        'two mounts at one place',
        { mounts: [mountAt('/a')], scratch: [{ target: '/a/', bytesMax: undefined }] },
        'RIVET_CONTAINER_SPEC_INVALID',
      ],
      ['an option as neighbour', { beside: '--all' }, 'RIVET_CONTAINER_SPEC_INVALID'],
      ['an odd label', { labels: { 'A B': '' } }, 'RIVET_CONTAINER_SPEC_INVALID'],
    ])('refuses a container with %s', async (_, changes, code) => {
      await expect(driver.start(specOf(changes))).rejects.toMatchObject({ code });
    });

    it('finds an image that is there and says so when there is none', async () => {
      await driver.ensureImage(image, { pull: 'missing' });
      const missing = driver.ensureImage(missingImage, { pull: 'never' });
      await expect(missing).rejects.toMatchObject({ code: 'RIVET_CONTAINER_IMAGE_NOT_FOUND' });
    });

    it('says which image it is, under whatever name', async () => {
      const { id } = await driver.pullImage(image, { pull: 'never' });
      expect(id).toMatch(/^[0-9a-f]{64}$/);
      expect((await driver.pullImage(id, { pull: 'missing' })).id).toBe(id);
      const missing = driver.pullImage(missingImage, { pull: 'never' });
      await expect(missing).rejects.toMatchObject({ code: 'RIVET_CONTAINER_IMAGE_NOT_FOUND' });
    });

    it('builds an image without a name, which goes with its owner', async () => {
      const build = join(directory, uuidv7());
      await mkdir(build);
      await writeFile(join(build, 'Containerfile'), 'FROM start\n');
      const base = await driver.pullImage(image, { pull: 'never' });
      const ownerLabels = { 'dev.rivet.owner': uuidv7() };
      const spec: BuildSpec = {
        contextDirectory: build,
        containerfile: join(build, 'Containerfile'),
        containerfileName: 'Containerfile',
        temporaryDirectory: build,
        images: new Map([['start', base.id]]),
        buildArgs: {},
        secrets: {},
        target: undefined,
        network: 'none',
        memoryBytes: undefined,
        cpus: undefined,
        ownerLabels,
        labels: { a: uuidv7() },
        cache: false,
      };
      const built = await driver.buildImage(spec, ignore);
      expect((await driver.pullImage(built.id, { pull: 'never' })).id).toBe(built.id);
      expect(await driver.removeBuilt({ 'dev.rivet.owner': uuidv7() })).toBe(0);
      expect(await driver.removeBuilt(ownerLabels)).toBe(1);
      await expect(driver.pullImage(built.id, { pull: 'never' })).rejects.toMatchObject({
        code: 'RIVET_CONTAINER_IMAGE_NOT_FOUND',
      });
      for (const wrong of [
        { target: '--all' },
        { buildArgs: { 'A=B': '' } },
        { secrets: { 'a,b': '/x' } },
        { contextDirectory: '--help' },
      ]) {
        const refused = driver.buildImage({ ...spec, ...wrong }, ignore);
        await expect(refused).rejects.toMatchObject({ code: 'RIVET_CONTAINER_BUILD_INVALID' });
      }
      await expect(driver.removeBuilt({})).rejects.toMatchObject({
        code: 'RIVET_CONTAINER_SPEC_INVALID',
      });
    });

    it('leaves nothing behind when the image is not there', async () => {
      const spec = specOf({ image: missingImage, labels: { 'dev.rivet.test': uuidv7() } });
      const started = driver.start(spec);
      await expect(started).rejects.toMatchObject({ code: 'RIVET_CONTAINER_IMAGE_NOT_FOUND' });
      expect(await driver.list(spec.labels)).toEqual([]);
    });

    it('starts nothing when it was aborted before', async () => {
      const spec = specOf({ labels: { 'dev.rivet.test': uuidv7() } });
      const started = driver.start(spec, AbortSignal.abort(new Error('canceled')));
      await expect(started).rejects.toThrow('canceled');
      expect(await driver.list(spec.labels)).toEqual([]);
    });

    it('lists and removes by label, and only what carries all of them', async () => {
      const both = { 'dev.rivet.test': uuidv7(), 'dev.rivet.other': 'a=b, "c"' };
      const spec = specOf({ labels: both });
      await driver.start(spec);
      expect(await driver.list(both)).toMatchObject([
        { name: spec.name, labels: both, running: true },
      ]);
      expect(await driver.removeLabelled({ ...both, 'dev.rivet.other': 'b' })).toBe(0);
      expect(await driver.removeLabelled(both)).toBe(1);
      expect(await driver.list(both)).toEqual([]);
      await expect(driver.removeLabelled({})).rejects.toMatchObject({
        code: 'RIVET_CONTAINER_SPEC_INVALID',
      });
    });

    it.runIf(options.attaches === false)(
      'lets another process go on with a container, and does not guess about its commands',
      async () => {
        const spec = specOf();
        const before = await driver.start(spec);
        const ended = commandOf('exit 3', { keep: true });
        await (await before.run(ended, ignore)).exit;
        const container = adopted(await successor(driver).adopt(spec));
        expect(await container.attach(ended, ignore)).toBe('unknown');
        const again = await container.run(commandOf('exit 3'), ignore);
        expect((await again.exit).exitCode).toBe(3);
        await container.remove();
        expect(await successor(driver).adopt(spec)).toBeUndefined();
      },
    );

    it.skipIf(options.attaches === false)('lets another process attach to commands', async () => {
      const spec = specOf();
      const before = await driver.start(spec);
      const kept = (script: keyof typeof SCRIPTS) => commandOf(script, { keep: true });
      const [ended, sleeping] = [kept('echo out; echo err >&2'), kept('sleep 60')];
      await (await before.run(ended, ignore)).exit;
      await before.run(sleeping, ignore);

      const container = adopted(await successor(driver).adopt(spec));
      const said = { stdout: '', stderr: '' };
      const again = await container.attach(ended, (stream, bytes) => {
        said[stream] += Buffer.from(bytes).toString('latin1');
      });
      if (typeof again === 'string') throw new Error(`the command is ${again}`);
      expect(await again.exit).toMatchObject({ exitCode: 0 });
      expect(said).toEqual({ stdout: 'out\n', stderr: 'err\n' });
      again.forget();
      expect(await container.attach(ended, ignore)).toBe('not-started');
      expect(await container.attach(kept('exit 3'), ignore)).toBe('not-started');

      const still = await container.attach(sleeping, ignore);
      if (typeof still === 'string') throw new Error(`the command is ${still}`);
      expect(still.pid).toBeGreaterThan(0);
      await still.signal('KILL');
      expect(await still.exit).toMatchObject({ exitCode: 137, signal: 'SIGKILL' });
      still.forget();
      for (let round = 0; round < 3; round += 1) {
        expect((await (await container.run(commandOf('exit 3'), ignore)).exit).exitCode).toBe(3);
      }
      await container.remove();
      expect(await successor(driver).adopt(spec)).toBeUndefined();
    });

    it('starts a container beside another, and none beside one that is gone', async () => {
      const beside = await driver.start(specOf({ beside: fixture.container.name }));
      expect(beside.image).toBe(image);
      await beside.remove();
      await expect(driver.start(specOf({ beside: beside.name }))).rejects.toMatchObject({
        code: 'RIVET_CONTAINER_LOST',
      });
    });

    it('ends the commands of a container that is removed, and removes twice', async () => {
      const container = await driver.start(specOf());
      const running = await container.run(commandOf('sleep 60'), ignore);
      await Promise.all([container.remove(), container.remove()]);
      await container.remove();
      await expect(running.exit).rejects.toMatchObject({
        code: 'RIVET_CONTAINER_LOST',
        message: expect.stringContaining('Rivet removed it'),
      });
      await expect(container.run(commandOf('exit 3'), ignore)).rejects.toMatchObject({
        code: 'RIVET_CONTAINER_LOST',
      });
    });

    it('kills what runs in a container, which is then removed by its name', async () => {
      const own = { 'dev.rivet.test': uuidv7() };
      const container = await driver.start(specOf({ labels: own }));
      const containers = [container, await driver.start(specOf({ labels: own }))];
      const running = await container.run(commandOf('sleep 60'), ignore);
      await Promise.all(containers.map((each) => each.kill()));
      await container.kill();
      await expect(running.exit).rejects.toMatchObject({
        code: 'RIVET_CONTAINER_LOST',
        message: expect.stringContaining('Rivet removed it'),
      });
      await expect(container.run(commandOf('exit 3'), ignore)).rejects.toMatchObject({
        code: 'RIVET_CONTAINER_LOST',
      });
      // Podman itself hears of it a moment later.
      const isRunning = async () => (await driver.list(own)).some((each) => each.running);
      await expect.poll(isRunning, { timeout: 10_000 }).toBe(false);
      await driver.removeNamed([...containers.map((each) => each.name), 'rivet-never-was']);
      expect(await driver.list(own)).toEqual([]);
      await driver.removeNamed([]);
    });

    it('looks at its machine without throwing, and leaves nothing of it', async () => {
      const own = { 'dev.rivet.test': uuidv7() };
      const findings = await driver.check({ labels: own, directory: join(directory, 'check') });
      expect(await driver.list(own)).toEqual([]);
      expect(existsSync(join(directory, 'check'))).toBe(false);
      expect(findings.length).toBeGreaterThan(0);
      expect(findings.filter((finding) => !finding.ok && finding.fix === undefined)).toEqual([]);
    });
  });
}

function mountAt(target: string): ContainerSpec['mounts'][number] {
  return { source: '/tmp', target, readonly: true };
}
