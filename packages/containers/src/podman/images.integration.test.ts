// Building, pushing and pulling images with real Podman and a real registry.

import { randomInt } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { uuidv7 } from '@rivet/base';
import { startProcess } from '@rivet/processes';
import { canLimit, startRegistry, type TestRegistry } from '@rivet/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ContainerDriver } from '../driver.ts';
import type { BuildSpec, ImageFacts } from '../image-operations.ts';
import { attemptLabels } from '../labels.ts';
import { plainBuild } from '../testing/plain-build.ts';
import { plainSpec } from '../testing/plain-spec.ts';
import { buildKey } from './build-names.ts';
import { createPodmanDriver } from './driver.ts';

const BASE = 'localhost/rivet/base:latest';
const PASSWORDS = 'rivet:$2b$04$GKtFL6daSJuU4Lm.wXMS5OmnS/fnQ2VhfM9eLzaMZwTVmma8X6tri\n';
const owner = { 'dev.rivet.owner': `images-test-${uuidv7()}` };
const labels = attemptLabels(uuidv7(), 1, owner);
let directory: string;
let registry: TestRegistry;
let closed: TestRegistry;
let driver: ContainerDriver;
let base: ImageFacts;
let hasLimits: boolean;
const pulled: string[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rivet-images-'));
  [registry, closed] = await Promise.all([startRegistry(), startRegistry(PASSWORDS)]);
  driver = createPodmanDriver({
    defaultImage: BASE,
    insecureRegistries: [registry.host, closed.host],
  });
  hasLimits = canLimit(await driver.check({ labels: owner, directory: join(directory, 'check') }));
  base = await driver.pullImage(BASE, { pull: 'never' });
});
afterAll(async () => {
  await driver.removeBuilt(owner);
  await driver.removeLabelled(owner);
  for (const name of pulled) await podman('rmi', '--force', '--ignore', name);
  await Promise.all([registry?.stop(), closed?.stop()]);
  // With what builds that were cut off left, which is closed to an ordinary user.
  await driver.removeTree(directory);
});

async function podman(...args: string[]): Promise<string> {
  const file = join(directory, uuidv7());
  const run = startProcess({
    file: 'sh',
    args: ['-c', 'exec podman "$@" >"$0" 2>&1', file, ...args],
    env: { PATH: process.env.PATH ?? '/usr/bin', HOME: process.env.HOME ?? '/root' },
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: 'ignore',
  });
  await run.exit;
  return await readFile(file, 'utf8');
}

/** Names of all containers, also of those that builds work in. */
async function containerNames(): Promise<string> {
  let names = '';
  const list = async (): Promise<string> => {
    names = await podman('ps', '--all', '--external', '--format={{.Names}}');
    return names;
  };
  // Podman lists nothing when one is removed, by whomever, while it looks at it.
  await expect.poll(list).not.toContain('Error: ');
  return names;
}

const specOf = (text: string, changes: Partial<BuildSpec> = {}): Promise<BuildSpec> =>
  plainBuild(directory, text, {
    images: new Map([['base:1', base.id]]),
    ownerLabels: labels,
    labels: { 'rivet.test': owner['dev.rivet.owner'] ?? '' },
    ...changes,
  });

async function build(spec: BuildSpec): Promise<{ image: ImageFacts; output: string }> {
  let output = '';
  const image = await driver.buildImage(spec, (_, bytes) => {
    output += Buffer.from(bytes).toString();
  });
  return { image, output };
}

/** What a command prints in a container of the image. */
async function runIn(image: string, script: string): Promise<string> {
  const controlDirectory = join(directory, uuidv7());
  const container = await driver.start(plainSpec({ image, labels, controlDirectory }));
  let output = '';
  const running = await container.run(
    { id: 'c', argv: ['sh', '-c', script], env: {}, cwd: '/', stdin: undefined },
    (_, bytes) => {
      output += Buffer.from(bytes).toString();
    },
  );
  await running.exit;
  await container.remove();
  return output;
}

describe('a build', () => {
  it('sees its context, arguments and secrets, and keeps no secret', async () => {
    const secret = join(directory, 'secret');
    await writeFile(secret, 'hidden-value', { mode: 0o600 });
    const spec = await specOf(
      `FROM base:1 AS first
ARG WHO=nobody
RUN echo "$WHO" >/who && wc -c </run/secrets/token >/size || true
RUN --mount=type=secret,id=token wc -c </run/secrets/token >/size
FROM base:1
COPY --from=first /who /size /
COPY file /file
`,
      { buildArgs: { WHO: 'a "b" $c' }, secrets: { token: secret } },
    );
    await writeFile(join(spec.contextDirectory, 'file'), 'of the context');
    const { image, output } = await build(spec);
    expect(output).toContain('COPY file /file');
    expect(await runIn(image.id, 'cat /who /size /file; ls -d /run/secrets 2>&1')).toMatch(
      /^a "b" \$c\n12\nof the context(?!.*token)/s,
    );
    expect(await podman('image', 'inspect', image.id)).not.toContain('hidden-value');
  });

  it('says which step failed, and why', async () => {
    const spec = await specOf('FROM base:1\nRUN echo oops >&2; exit 7\n');
    await expect(build(spec)).rejects.toMatchObject({
      code: 'RIVET_CONTAINER_BUILD_FAILED',
      message: expect.stringMatching(/Containerfile.*RUN echo oops.*exit status 7/s),
    });
  });

  it('says that limits cannot be held (skipped where they can)', async ({ skip }) => {
    skip(hasLimits, 'this machine can limit memory');
    const spec = await specOf('FROM base:1\nRUN true\n', { memoryBytes: 64 * 1024 * 1024 });
    await expect(build(spec)).rejects.toMatchObject({ code: 'RIVET_CONTAINER_LIMIT_UNSUPPORTED' });
  });

  it('pulls nothing itself', async () => {
    const spec = await specOf(`FROM ${registry.host}/x/y:1\n`);
    await expect(build(spec)).rejects.toMatchObject({ code: 'RIVET_CONTAINER_BUILD_FAILED' });
  });

  it('that is stopped leaves no process, container or image', async () => {
    const own = attemptLabels(uuidv7(), 1, owner);
    const seconds = randomSeconds();
    const spec = await specOf(`FROM base:1\nRUN echo begun; sleep ${seconds}\n`, {
      ownerLabels: own,
    });
    const stop = new AbortController();
    let output = '';
    const building = driver.buildImage(
      spec,
      (_, bytes) => {
        output += Buffer.from(bytes).toString();
        if (/^begun$/m.test(output)) stop.abort(new Error('stopped'));
      },
      stop.signal,
    );
    await expect(building).rejects.toThrow('stopped');
    await driver.removeBuilt(own);
    expect(await processes()).not.toContain(`sleep\0${seconds}\0`);
    expect(await containerNames()).not.toContain(`${buildKey(own)}-working`);
  });

  it('whose program was killed is ended and cleared away by its labels', async () => {
    const own = attemptLabels(uuidv7(), 1, owner);
    const seconds = randomSeconds();
    const spec = await specOf(`FROM base:1\nRUN echo begun; sleep ${seconds}\n`, {
      ownerLabels: own,
    });
    const begun = Promise.withResolvers<void>();
    const building = driver.buildImage(spec, (_, bytes) => {
      if (/^begun$/m.test(Buffer.from(bytes).toString())) begun.resolve();
    });
    building.catch(() => undefined);
    await begun.promise;
    const pid = await findProcess('--file=', spec.containerfile);
    process.kill(pid, 'SIGKILL');
    await expect(building).rejects.toBeDefined();
    expect(await processes()).toContain(`sleep\0${seconds}\0`);
    await driver.removeBuilt({ 'dev.rivet.owner': 'somebody else' });
    expect(await containerNames()).toContain(`${buildKey(own)}-working`);
    await driver.removeBuilt(owner);
    expect(await processes()).not.toContain(`sleep\0${seconds}\0`);
    expect(await containerNames()).not.toContain(`${buildKey(own)}-working`);
  });

  it('can be removed by the labels of its owner', async () => {
    const own = attemptLabels(uuidv7(), 2, owner);
    const { image } = await build(
      await specOf(`FROM base:1\nRUN echo ${uuidv7()} >/x\n`, { ownerLabels: own }),
    );
    expect(await driver.removeBuilt({ ...own, 'dev.rivet.attempt': '3' })).toBe(0);
    expect(await driver.removeBuilt(own)).toBe(1);
    await expect(driver.pullImage(image.id, { pull: 'never' })).rejects.toMatchObject({
      code: 'RIVET_CONTAINER_IMAGE_NOT_FOUND',
    });
  });
});

describe('a registry', () => {
  it('takes an image and gives it back, by name and by digest', async () => {
    const { image } = await build(await specOf(`FROM base:1\nRUN echo ${uuidv7()} >/x\n`));
    const name = `${registry.host}/team/app`;
    const pushed = await driver.pushImage(image.id, `${name}:1`, {});
    expect(pushed.digest).toMatch(/^sha256:[0-9a-f]{64}$/);
    const byTag = await driver.pullImage(`${name}:1`, { pull: 'always' });
    expect(byTag).toEqual({ id: image.id, digest: pushed.digest });
    const byDigest = await driver.pullImage(`${name}@${pushed.digest}`, { pull: 'always' });
    expect(byDigest.id).toBe(image.id);
    pulled.push(`${name}:1`, image.id);
  });

  it.each([
    ['an unknown tag', () => `${registry.host}/team/app:none`, 'RIVET_CONTAINER_IMAGE_NOT_FOUND'],
    [
      'an unknown digest',
      () => `${registry.host}/team/app@sha256:${'0'.repeat(64)}`,
      'RIVET_CONTAINER_IMAGE_NOT_FOUND',
    ],
    ['no credentials', () => `${closed.host}/team/app:1`, 'RIVET_CONTAINER_IMAGE_UNAUTHORIZED'],
    ['no registry', () => '127.0.0.1:1/team/app:1', 'RIVET_CONTAINER_REGISTRY_UNREACHABLE'],
  ])('is told apart: %s', async (_, image, code) => {
    await expect(driver.pullImage(image(), { pull: 'missing' })).rejects.toMatchObject({ code });
  });

  it('takes credentials from a file, and refuses wrong ones', async () => {
    const right = await authFile('pass');
    const wrong = await authFile('guess');
    const name = `${closed.host}/team/app:1`;
    await expect(driver.pushImage(base.id, name, { authFile: wrong })).rejects.toMatchObject({
      code: 'RIVET_CONTAINER_IMAGE_UNAUTHORIZED',
    });
    await driver.pushImage(base.id, name, { authFile: right });
    expect((await driver.pullImage(name, { pull: 'always', authFile: right })).id).toBe(base.id);
    await podman('untag', BASE, name);
  });

  it('that is ill is asked again, and once for all who want the same', async () => {
    let manifests = 0;
    const ill = await answering((path) => {
      if (!path.includes('/manifests/')) return 200;
      manifests += 1;
      return manifests < 3 ? 503 : 404;
    });
    const own = createPodmanDriver({ insecureRegistries: [ill.host] });
    const image = `${ill.host}/a/b:1`;
    const all = await Promise.allSettled(
      [1, 2, 3].map(() => own.pullImage(image, { pull: 'missing' })),
    );
    expect(all).toMatchObject(
      [1, 2, 3].map(() => ({ reason: { code: 'RIVET_CONTAINER_IMAGE_NOT_FOUND' } })),
    );
    expect(manifests).toBe(3);
    await ill.stop();
  });

  it('that sends something else than the digest says is not believed', async () => {
    const liar = await answering((path) => (path.includes('/manifests/') ? 'manifest' : 200));
    const own = createPodmanDriver({ insecureRegistries: [liar.host] });
    const image = `${liar.host}/a/b@sha256:${'1'.repeat(64)}`;
    await expect(own.pullImage(image, { pull: 'missing' })).rejects.toMatchObject({
      code: 'RIVET_CONTAINER_IMAGE_DIGEST',
    });
    await liar.stop();
  });
});

describe('a signature policy', () => {
  it('lets through what is signed by its key, and nothing else', async () => {
    const home = join(directory, 'gpg');
    await mkdir(home, { mode: 0o700 });
    const user = 'rivet-test@example.com';
    const gpg = `gpg --homedir ${home} --batch`;
    await sh(`${gpg} --passphrase '' --quick-gen-key ${user} ed25519 sign`);
    await sh(`${gpg} --export ${user} >${directory}/key.gpg`);
    const policy = join(directory, 'policy.json');
    const signedBy = { type: 'signedBy', keyType: 'GPGKeys', keyPath: `${directory}/key.gpg` };
    await writeFile(
      policy,
      JSON.stringify({
        default: [signedBy],
      }),
    );
    const [signed, unsigned] = ['signed', 'unsigned'].map(
      (tag) => `${registry.host}/sign/app:${tag}`,
    );
    if (signed === undefined || unsigned === undefined) throw new Error('two names');
    const { image } = await build(await specOf(`FROM base:1\nRUN echo ${uuidv7()} >/x\n`));
    await driver.pushImage(base.id, unsigned, {});
    await sh(
      `GNUPGHOME=${home} podman push --tls-verify=false --sign-by ${user} ${image.id} ${signed}`,
    );
    const strict = createPodmanDriver({
      insecureRegistries: [registry.host],
      signaturePolicy: policy,
    });
    expect((await strict.pullImage(signed, { pull: 'always' })).id).toBe(image.id);
    pulled.push(signed, image.id);
    await expect(strict.pullImage(unsigned, { pull: 'always' })).rejects.toMatchObject({
      code: 'RIVET_CONTAINER_IMAGE_REJECTED',
    });
    // What is on the machine already was not necessarily verified.
    expect((await strict.pullImage(BASE, { pull: 'missing' })).id).toBe(base.id);
    const local = strict.pullImage(BASE, { pull: 'missing', verify: true });
    await expect(local).rejects.toThrow('its signature must be verified');
    await sh(`gpgconf --homedir ${home} --kill all`);
    await rm(join(signatures(), 'sign'), { recursive: true, force: true });
  });
});

/** Where Podman keeps the signatures that it made. */
function signatures(): string {
  const isRoot = process.getuid?.() === 0;
  const data = isRoot ? '/var/lib' : join(process.env.HOME ?? '/', '.local/share');
  return join(data, 'containers/sigstore');
}

async function sh(script: string): Promise<void> {
  const run = startProcess({
    file: 'sh',
    args: ['-c', script],
    env: { PATH: process.env.PATH ?? '/usr/bin', HOME: process.env.HOME ?? '/root' },
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: 'ignore',
  });
  const { code } = await run.exit;
  expect(code, script).toBe(0);
}

async function authFile(password: string): Promise<string> {
  const path = join(directory, uuidv7());
  const auth = Buffer.from(`rivet:${password}`).toString('base64');
  await writeFile(path, JSON.stringify({ auths: { [closed.host]: { auth } } }), { mode: 0o600 });
  return path;
}

/** For the name of a `sleep` that no other test run on this machine has. */
const randomSeconds = (): number => randomInt(10_000, 1_000_000_000);

/** The command lines of all processes, with a NUL after each word. */
async function processes(): Promise<string> {
  return (await commandLines()).map(({ words }) => words).join('\n');
}

async function findProcess(...parts: string[]): Promise<number> {
  const found = (await commandLines()).find(({ words }) => parts.every((p) => words.includes(p)));
  if (found === undefined) throw new Error(`no process with ${parts}`);
  return found.pid;
}

async function commandLines(): Promise<{ pid: number; words: string }[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  return await Promise.all(
    pids.map(async (pid) => ({
      pid: Number(pid),
      words: await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''),
    })),
  );
}

/** A registry that answers with a status, or with a manifest that nobody asked for. */
async function answering(answer: (path: string) => number | 'manifest'): Promise<TestRegistry> {
  const server: Server = createServer((request, response) => {
    const found = answer(request.url ?? '');
    if (found === 'manifest') {
      const type = 'application/vnd.oci.image.manifest.v1+json';
      response.writeHead(200, { 'content-type': type });
      response.end(JSON.stringify({ schemaVersion: 2, mediaType: type, config: {}, layers: [] }));
      return;
    }
    response.writeHead(found);
    response.end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no address');
  return {
    host: `127.0.0.1:${address.port}`,
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
