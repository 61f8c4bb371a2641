// The Podman driver in front of a program that only claims to be podman.
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ContainerDriver, ContainerSpec } from '../driver.ts';
import { createPodmanDriver } from './driver.ts';
import { pullError } from './pull-error.ts';

let directory: string;
let driver: ContainerDriver;
let spec: ContainerSpec;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rivet-podman-'));
  await mkdir(join(directory, 'calls'));
  spec = {
    name: 'rivet-one',
    image: 'alpine:3',
    labels: { 'dev.rivet': '1', 'dev.rivet.job': 'a,b=c d' },
    env: { LD_PRELOAD: '/workspace/evil.so', SECRET: 'two\nlines' },
    mounts: [
      { source: '/data/a,b "c"', target: '/workspace', readonly: false },
      { source: '/data/ro:x', target: '/ro', readonly: true },
    ],
    entrypoint: [],
    network: 'none',
    user: '1000:1000',
    memoryBytes: 64 * 1024 * 1024,
    cpus: 1.5,
    pids: 100,
    privileged: false,
    controlDirectory: join(directory, 'control'),
  };
});
afterEach(async () => {
  await driver.close();
  await rm(directory, { recursive: true, force: true });
});

/** A podman that keeps the words of each call in a file of its own, and then does `script`. */
async function fakePodman(script: string): Promise<void> {
  const program = join(directory, 'podman');
  const record = `n=$(ls "${directory}/calls" | wc -l); printf '%s\\0' "$@" >"${directory}/calls/$n"; env >"${directory}/env"`;
  await writeFile(program, `#!/bin/sh\n${record}\n${script}\n`);
  await chmod(program, 0o755);
  driver = createPodmanDriver({
    program,
    env: { PATH: process.env.PATH, HOME: directory, RIVET_TOKEN: 'secret', LD_PRELOAD: '' },
    cacheFile: join(directory, 'cache.json'),
    pullTimeoutMs: 2_000,
  });
}

/** Shell that waits until it is opened. */
function gate(): { readonly hold: string; open(): Promise<void> } {
  const file = join(directory, 'open');
  return {
    hold: `while [ ! -e "${file}" ]; do sleep 0.01; done`,
    open: () => writeFile(file, ''),
  };
}

async function calls(): Promise<string[][]> {
  const names = (await readdir(join(directory, 'calls'))).toSorted((a, b) => Number(a) - Number(b));
  return await Promise.all(
    names.map(async (name) => {
      const words = await readFile(join(directory, 'calls', name), 'utf8');
      return words.split('\0').slice(0, -1);
    }),
  );
}

describe('the command line of a container', () => {
  it('has every text of the specification as one word, and no variable of a command', async () => {
    await fakePodman('echo "Error: nothing works" >&2; exit 125');
    await expect(driver.start(spec)).rejects.toMatchObject({
      code: 'RIVET_CONTAINER_PODMAN_FAILED',
    });
    const control = spec.controlDirectory;
    expect((await calls())[0]).toEqual([
      'run',
      '--detach',
      '--name=rivet-one',
      `--pidfile=${control}/pid`,
      '--pull=never',
      '--log-driver=k8s-file',
      '--no-healthcheck',
      '--stop-timeout=1',
      '--workdir=/',
      '--label=dev.rivet=1',
      '--label=dev.rivet.job=a,b=c d',
      '--mount=type=bind,"source=/data/a,b ""c""",target=/workspace',
      '--mount=type=bind,source=/data/ro:x,target=/ro,readonly',
      `--mount=type=bind,source=${control}/in,target=/.rivet/in,readonly`,
      `--mount=type=bind,source=${control}/out,target=/.rivet/out`,
      '--network=none',
      '--user=1000:1000',
      '--memory=67108864b',
      '--memory-swap=67108864b',
      '--cpus=1.5',
      '--pids-limit=116',
      '--security-opt=no-new-privileges',
      '--entrypoint=["/bin/sh","/.rivet/in/agent","/.rivet"]',
      '--',
      'docker.io/library/alpine:3',
    ]);
    const environment = await readFile(join(directory, 'env'), 'utf8');
    expect(environment).not.toMatch(/SECRET|evil|RIVET_TOKEN|secret/);
  });

  it('puts an entrypoint before the agent and gives it the variables', async () => {
    await fakePodman(`cp "${spec.controlDirectory}/env" "${directory}/variables"; exit 125`);
    const entrypoint = ['/bin/with "env"', '--'];
    const env = { ...spec.env, TOKEN: 'hidden' };
    await expect(driver.start({ ...spec, env, entrypoint })).rejects.toThrow();
    const [call = []] = await calls();
    // Only what has no place in a file is a word that the list of processes shows.
    expect(call.filter((word) => word.startsWith('--env'))).toEqual([
      `--env-file=${spec.controlDirectory}/env`,
      '--env=SECRET=two\nlines',
    ]);
    expect(await readFile(join(directory, 'variables'), 'utf8')).toBe(
      'LD_PRELOAD=/workspace/evil.so\nTOKEN=hidden\n',
    );
    expect(call.at(-3)).toBe(
      '--entrypoint=["/bin/with \\"env\\"","--","/bin/sh","/.rivet/in/agent","/.rivet"]',
    );
  });

  it('is tried again with what the machine needs', async () => {
    await fakePodman(
      'case "$*" in rm*) exit 0;; *nofile*) echo "Error: no such image" >&2;; *) echo "Error: rlimit" >&2;; esac; exit 126',
    );
    await expect(driver.start(spec)).rejects.toMatchObject({
      code: 'RIVET_CONTAINER_IMAGE_NOT_FOUND',
    });
    expect((await calls()).map(([verb]) => verb)).toEqual(['run', 'rm', 'run', 'rm']);
  });
});

describe('a podman that fails', () => {
  it('is reported when it is not there', async () => {
    driver = createPodmanDriver({ program: join(directory, 'none'), env: {} });
    await expect(driver.start(spec)).rejects.toMatchObject({
      code: 'RIVET_CONTAINER_PODMAN_MISSING',
    });
    expect(
      await driver.check({ labels: { a: 'b' }, directory: join(directory, 'check') }),
    ).toMatchObject([{ subject: 'podman', ok: false }]);
  });

  it('is reported when it prints garbage', async () => {
    await fakePodman('echo "podman is great!"');
    await expect(driver.list({ a: 'b' })).rejects.toMatchObject({
      code: 'RIVET_CONTAINER_PODMAN_GARBAGE',
      message: expect.stringContaining('podman is great!'),
    });
    expect(
      await driver.check({ labels: { a: 'b' }, directory: join(directory, 'check') }),
    ).toMatchObject([{ ok: false, fix: expect.any(String) }]);
  });

  it('is reported when its list has another shape', async () => {
    await fakePodman(`echo '[{"Names": []}]'`);
    await expect(driver.list({ a: 'b' })).rejects.toMatchObject({
      code: 'RIVET_CONTAINER_PODMAN_GARBAGE',
    });
  });

  it('does not pass for a container when it only says that it started one', async () => {
    await fakePodman('exit 0');
    await expect(driver.start(spec)).rejects.toMatchObject({
      code: 'RIVET_CONTAINER_ENTRYPOINT_FAILED',
    });
    expect((await calls()).at(-1)).toEqual([
      'rm',
      '--force',
      '--ignore',
      '--time=0',
      '--volumes',
      '--',
      'rivet-one',
    ]);
  });

  it('is stopped when it hangs', async () => {
    await fakePodman('case "$1" in image) exit 1;; *) exec sleep 60;; esac');
    await expect(driver.ensureImage('alpine', { pull: 'missing' })).rejects.toMatchObject({
      code: 'RIVET_CONTAINER_PULL_TIMEOUT',
    });
  });

  it('is stopped when the caller gives up', async () => {
    await fakePodman('exec sleep 60');
    const abort = new AbortController();
    const started = driver.start(spec, abort.signal);
    await expect.poll(calls).toHaveLength(1);
    // The clean-up calls podman too.
    await writeFile(join(directory, 'podman'), '#!/bin/sh\nexit 0\n');
    abort.abort(new Error('canceled'));
    await expect(started).rejects.toThrow('canceled');
  });
});

describe('a start that is canceled', () => {
  it('lets podman end by itself, which leaves no network behind, and removes the container', async () => {
    const [begun, ended] = [join(directory, 'begun'), join(directory, 'ended')];
    const { hold, open } = gate();
    await fakePodman(`case "$*" in *rm*) exit 0;; esac
      trap 'exit 9' TERM; echo >"${begun}"; ${hold}; echo >"${ended}"`);
    const abort = new AbortController();
    const starting = driver.start(spec, abort.signal);
    starting.catch(() => undefined);
    await expect.poll(() => existsSync(begun), { timeout: 30_000 }).toBe(true);
    abort.abort(new Error('canceled'));
    await open();
    await expect(starting).rejects.toThrow('canceled');
    expect(existsSync(ended)).toBe(true);
    expect((await calls()).at(-1)).toContain('rm');
  });
});

describe('pulling', () => {
  it('happens once for all who ask at the same time, by the full name', async () => {
    await fakePodman('case "$1" in image) exit 1;; esac');
    await Promise.all(
      Array.from({ length: 4 }, () => driver.ensureImage('alpine', { pull: 'missing' })),
    );
    expect(await calls()).toEqual([
      ['image', 'exists', '--', 'docker.io/library/alpine:latest'],
      ['pull', '--quiet', '--', 'docker.io/library/alpine:latest'],
    ]);
  });

  it('is not waited for by one who gave up while it was asked whether it is needed', async () => {
    const { hold, open } = gate();
    await fakePodman(`case "$1" in image) ${hold}; exit 1;; esac`);
    const abort = new AbortController();
    const impatient = driver.ensureImage('alpine', { pull: 'missing', signal: abort.signal });
    const patient = driver.ensureImage('alpine', { pull: 'missing' });
    await expect.poll(calls).toHaveLength(1);
    abort.abort(new Error('canceled'));
    await expect(impatient).rejects.toThrow('canceled');
    await open();
    await patient;
    expect((await calls()).map(([verb]) => verb)).toEqual(['image', 'pull']);
  });

  it('goes on for the others when one gives up', async () => {
    const { hold, open } = gate();
    await fakePodman(`case "$1" in image) exit 1;; pull) ${hold};; esac`);
    const abort = new AbortController();
    const impatient = driver.ensureImage('alpine', { pull: 'always', signal: abort.signal });
    const patient = driver.ensureImage('alpine', { pull: 'always' });
    const pulls = async () => (await calls()).filter(([word]) => word === 'pull');
    await expect.poll(pulls).toHaveLength(1);
    abort.abort(new Error('canceled'));
    await expect(impatient).rejects.toThrow('canceled');
    await open();
    await patient;
    expect(await pulls()).toHaveLength(1);
  });

  it.each([
    ['manifest unknown: manifest unknown', 'RIVET_CONTAINER_IMAGE_NOT_FOUND'],
    ['requested access to the resource is denied', 'RIVET_CONTAINER_IMAGE_UNAUTHORIZED'],
    ['unauthorized: authentication required', 'RIVET_CONTAINER_IMAGE_UNAUTHORIZED'],
    [
      'toomanyrequests: You have reached your pull rate limit',
      'RIVET_CONTAINER_REGISTRY_RATE_LIMITED',
    ],
    ['dial tcp: lookup example.org: no such host', 'RIVET_CONTAINER_REGISTRY_UNREACHABLE'],
    ['dial tcp 127.0.0.1:1: connect: connection refused', 'RIVET_CONTAINER_REGISTRY_UNREACHABLE'],
    [
      'received unexpected HTTP status: 503 Service Unavailable',
      'RIVET_CONTAINER_REGISTRY_UNREACHABLE',
    ],
    ['write /var/tmp/x: no space left on device', 'RIVET_CONTAINER_PODMAN_FAILED'],
    ['something else', 'RIVET_CONTAINER_PODMAN_FAILED'],
  ])('that fails with "%s" is %s', (stderr, code) => {
    expect(pullError('x', stderr, `Error: ${stderr}`).code).toBe(code);
  });

  it('keeps how long a registry wants to be left alone', () => {
    const error = pullError('x', 'r', 'toomanyrequests: retry-after: 42');
    expect(error.details).toMatchObject({ retryAfterSeconds: 42 });
  });
});

describe('a build whose base image loses the name that was given to it', () => {
  const id = 'a'.repeat(64);
  const build = () =>
    driver.buildImage(
      {
        contextDirectory: directory,
        containerfile: join(directory, 'Containerfile'),
        containerfileName: 'Containerfile',
        temporaryDirectory: directory,
        images: new Map([['base:1', id]]),
        buildArgs: {},
        secrets: {},
        target: undefined,
        network: 'none',
        memoryBytes: undefined,
        cpus: undefined,
        ownerLabels: { 'dev.rivet.job': 'one' },
        labels: {},
        cache: true,
      },
      () => undefined,
    );
  const losing = (times: number, error: string): Promise<void> =>
    fakePodman(`case " $* " in
      *' build '*)
        echo >>"${directory}/builds"
        base=$(printf '%s\\n' "$@" | sed -n 's,.*=container-image://,,p')
        [ $(wc -l <"${directory}/builds") -gt ${times} ] || { echo "Error: ${error}" >&2; exit 125; } ;;
      *' inspect '*) echo '[{"Id": "${id}"}]' ;;
      *' run '*) exit 125 ;;
    esac`);
  const words = async (): Promise<string[]> => {
    const known = new Set(['tag', 'build', 'untag']);
    return (await calls()).flatMap((call) => call.filter((word) => known.has(word)).slice(0, 1));
  };

  it('is named and built again', async () => {
    await losing(2, 'creating build container: $base: image not known');
    expect(await build()).toMatchObject({ id });
    expect(await words()).toEqual(['tag', 'build', 'tag', 'build', 'tag', 'build', 'untag']);
  });

  it('fails when that goes on', async () => {
    await losing(100, 'creating build container: $base: image not known');
    await expect(build()).rejects.toMatchObject({ code: 'RIVET_CONTAINER_BUILD_FAILED' });
    expect((await words()).filter((word) => word === 'build')).toHaveLength(4);
  });

  it('fails at once for an image that it does not have', async () => {
    await losing(100, 'creating build container: localhost/other:1: image not known');
    await expect(build()).rejects.toThrow('localhost/other:1: image not known');
    expect(await words()).toEqual(['tag', 'build', 'untag']);
  });
});

describe('removing a directory', () => {
  it.each(['/', '', 'tmp', '/tmp/../etc', '/tmp/'])('refuses %j', async (path) => {
    driver = createPodmanDriver();
    await expect(driver.removeTree(path)).rejects.toMatchObject({
      code: 'RIVET_CONTAINER_REMOVE_FAILED',
    });
  });

  it('takes closed directories along and follows no link', async () => {
    driver = createPodmanDriver();
    const kept = join(directory, 'kept');
    const tree = join(directory, 'tree');
    await mkdir(kept);
    await writeFile(join(kept, 'file'), '');
    await mkdir(join(tree, 'a/b'), { recursive: true });
    await symlink(kept, join(tree, 'a/link'));
    await chmod(join(tree, 'a/b'), 0);
    await driver.removeTree(tree);
    await driver.removeTree(tree);
    expect(await readdir(kept)).toEqual(['file']);
    expect(await readdir(directory)).not.toContain('tree');
  });
});
