// container.build, pull, tag and push in jobs, with real Podman and a real registry.
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { uuidv7 } from '@rivet/base';
import { createPodmanDriver } from '@rivet/containers';
import { createLuaEngine } from '@rivet/lua';
import type { InstallationPolicy } from '@rivet/pipeline';
import { startProcess } from '@rivet/processes';
import { canLimit, startRegistry, type TestRegistry } from '@rivet/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RecordOptions, recordJob } from '../testing/job-recorder.ts';

const BASE = 'localhost/rivet/base:latest';
const lua = createLuaEngine();
let registry: TestRegistry;
let driver: ReturnType<typeof createPodmanDriver>;
let directory: string;
let hasLimits: boolean;

beforeAll(async () => {
  registry = await startRegistry();
  driver = createPodmanDriver({ insecureRegistries: [registry.host], defaultImage: BASE });
  directory = await mkdtemp(join(tmpdir(), 'rivet-images-'));
  const labels = { 'dev.rivet.test': uuidv7() };
  hasLimits = canLimit(await driver.check({ labels, directory: join(directory, 'check') }));
});
afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
  await lua.close();
  // What a job fetched stays on the machine for the next one.
  const image = `${registry?.host}/team/app:1`;
  await startProcess({
    file: 'podman',
    args: ['rmi', '--force', '--ignore', image],
    env: { PATH: process.env.PATH ?? '/usr/bin:/bin', HOME: process.env.HOME ?? '/root' },
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: 'ignore',
  }).exit;
  await driver.close();
  await registry?.stop();
});

interface Options extends Partial<RecordOptions> {
  readonly policy?: InstallationPolicy;
  readonly files?: Readonly<Record<string, string>>;
}

/** Runs a job in whose workspace these files are; `-> x` is a link to x. */
async function run(body: string, { policy = {}, files = {}, ...options }: Options = {}) {
  const source = `return pipeline.define({ name = "t", stages = {
    { name = "s", script = function() ${body} end } } })`;
  let left: string[] = [];
  const job = await recordJob({
    driver,
    lua,
    bundle: { main: 'pipeline.lua', files: { 'pipeline.lua': source } },
    ...options,
    host: { policy, ...options.host },
    async onWorkspace(workspace) {
      for (const [name, text] of Object.entries(files)) {
        await mkdir(join(workspace, name, '..'), { recursive: true });
        if (text.startsWith('-> ')) await symlink(text.slice(3), join(workspace, name));
        else await writeFile(join(workspace, name), text);
      }
    },
    async inspect({ stateDirectory }) {
      left = (await readdir(stateDirectory, { recursive: true })).filter((name) =>
        /^(?:builds|registries)\/./.test(name),
      );
    },
  });
  expect(left).toEqual([]);
  expect(await driver.removeBuilt({ 'dev.rivet.job': job.id })).toBe(0);
  return { ...job, text: job.lines.map((line) => line.text).join('\n') };
}

describe('a job that builds an image', () => {
  it('runs commands in it under its tag, builds on it, and leaves nothing', async () => {
    const job = await run(
      `local a = container.build({ context = "app", tag = "app:1", build_args = { WHO = "me" },
         secrets = { token = "hidden" }, labels = { team = "core" } })
       container.tag("app:1", "again")
       local b = container.build({ context = "next", containerfile = "Other" })
       container.with("again", function() output.set("a", process.sh("cat /who /size", { capture_stdout = true }).stdout) end)
       container.with(b.id, function() output.set("b", process.sh("cat /who /more", { capture_stdout = true }).stdout) end)
       output.set("image", a.image) output.set("id", a.id)`,
      {
        files: {
          'app/Containerfile': `ARG BASE=${BASE}\nFROM $BASE\nARG WHO\nRUN --mount=type=secret,id=token wc -c </run/secrets/token >/size\nRUN echo $WHO >/who\n`,
          'next/Other': 'FROM app:1\nCOPY more /more\n',
          'next/more': 'more',
        },
      },
    );
    expect(job.outcome).toEqual({ state: 'succeeded' });
    expect(Object.fromEntries(job.outputs)).toEqual({
      a: 'me\n6\n',
      b: 'me\nmore',
      image: 'app:1',
      id: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    const steps = job.lines.filter((line) => line.group?.includes('build app:1'));
    expect(steps.map((line) => line.text).join('\n')).toContain('RUN echo $WHO >/who');
  });

  it('sees nothing of the machine through links', async () => {
    const job = await run(
      `local function try(name, options)
         local ok, problem = pcall(container.build, options)
         output.set(name, ok and "built" or tostring(problem):match("[^\\n]*"))
       end
       try("context", { context = "out" })
       try("up", { context = "../.." })
       try("file", { context = "a", containerfile = "link" })
       try("copy", { context = "b" })
       try("ignore", { context = "c" })`,
      {
        files: {
          out: '-> /etc',
          'a/link': '-> /etc/passwd',
          'b/Containerfile': `FROM ${BASE}\nCOPY escape/hostname /leak\n`,
          'b/escape': '-> /etc',
          'c/Containerfile': `FROM ${BASE}\n`,
          'c/.containerignore': '-> /etc/passwd',
        },
      },
    );
    const results = Object.fromEntries(job.outputs);
    // Absolute links are those of the workspace, where there is no /etc.
    expect(results.context).toMatch(/container\.build.*out/);
    expect(results.up).toContain('leaves /workspace');
    expect(results.file).toMatch(/container\.build.*link/);
    expect(results.copy).toMatch(/building the image of b\/Containerfile failed/);
    expect(results.ignore).toMatch(/container\.build.*containerignore/);
  });

  it('mounts nothing of the machine, and asks no server from the machine', async () => {
    const job = await run(
      `local function try(name, options)
         local ok, problem = pcall(container.build, options)
         output.set(name, ok and "built" or tostring(problem):match("[^\\n]*"))
       end
       for _, name in ipairs({ "linked", "cached", "asks", "hidden" }) do try(name, { context = name }) end`,
      {
        files: {
          'linked/root': '-> /',
          'linked/Containerfile': `FROM ${BASE}\nRUN --mount=type=bind,source=root,target=/mnt ls /mnt\n`,
          'cached/Containerfile': `FROM ${BASE}\nRUN --mount=type=cache,id=../../../../../etc,target=/mnt ls /mnt\n`,
          'asks/Containerfile': `FROM ${BASE}\nADD http://127.0.0.1:9/x /x\n`,
          'hidden/Containerfile': `FROM ${BASE}\nCOPY --fr\\om=localhost/rivet/toolchain:latest /bin /x\n`,
        },
      },
    );
    const results = Object.fromEntries(job.outputs);
    expect(results.linked).toContain('linked/Containerfile:2: RUN --mount=type=bind,source=root');
    expect(results.cached).toContain('cached/Containerfile:2: RUN --mount=type=cache');
    expect(results.asks).toContain('asks/Containerfile:2: ADD takes files of the context');
    expect(results.hidden).toContain('hidden/Containerfile:2: COPY has --fr\\om');
  });

  it('obeys the policy for base images, and in each of its steps', async () => {
    const files = {
      'bad/Containerfile': 'FROM localhost/rivet/toolchain:latest\n',
      'worse/Containerfile': `FROM ${BASE}\nCOPY --from=localhost/rivet/toolchain:latest / /x\n`,
      'good/Containerfile': `FROM ${BASE}\nRUN cat /proc/net/dev | wc -l >/lines\n`,
    };
    const job = await run(
      `for _, name in ipairs({ "bad", "worse" }) do
         local ok, problem = pcall(container.build, { context = name })
         output.set(name, tostring(problem))
       end
       container.build({ context = "good", tag = "good" })
       container.with("good", function() output.set("good", process.sh("cat /lines", { capture_stdout = true }).stdout) end)`,
      {
        files,
        policy: { container: { images: [BASE], network: 'none' } },
      },
    );
    expect(job.outcome).toEqual({ state: 'succeeded' });
    const results = Object.fromEntries(job.outputs);
    for (const name of ['bad', 'worse']) {
      expect(results[name]).toContain(`container.images of the installation is "${BASE}"`);
    }
    // Two lines of headings, and the loopback interface.
    expect(results.good).toBe('3\n');
  });

  it('is held to the limits of the policy in each of its steps', async ({ skip }) => {
    skip(!hasLimits, 'this machine cannot limit memory');
    const limit = '/sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max';
    const job = await run(
      `container.build({ tag = "made" })
       container.with("made", function() output.set("memory", process.sh("cat /memory", { capture_stdout = true }).stdout) end)`,
      {
        files: { Containerfile: `FROM ${BASE}\nRUN cat ${limit} 2>/dev/null >/memory; true\n` },
        policy: { limits: { memory: 64 * 1024 * 1024 } },
      },
    );
    expect(job.outcome).toEqual({ state: 'succeeded' });
    expect(job.outputs.get('memory')).toBe('67108864\n');
  });

  it('ends as it is told to in the middle of a step, and leaves nothing', async () => {
    const stop = new AbortController();
    const job = await run('container.build({ tag = "x" })', {
      files: { Containerfile: `FROM ${BASE}\nRUN echo begun; sleep 1000\n` },
      signal: stop.signal,
      onLine({ text }) {
        if (text === 'begun') stop.abort();
      },
    });
    expect(job.outcome).toMatchObject({ state: 'canceled' });
  });

  it.each([
    ['FROM $NONE\n', 'container.build: Containerfile:1: FROM $NONE needs a value for NONE'],
    ['FROM localhost/rivet-build/x-x-x-x:1\n', 'what a job built is seen by that job alone'],
    [`FROM ${BASE}\nRUN exit 3\n`, 'building the image of Containerfile failed'],
    ['FROM localhost/rivet/nothing:1\n', 'the image "localhost/rivet/nothing:1" does not exist'],
  ])('says what is wrong with %j', async (text, message) => {
    const job = await run('container.build({ tag = "x" })', { files: { Containerfile: text } });
    expect(job.outcome).toMatchObject({ state: 'failed' });
    expect(job.outcome.message).toContain(message);
  });
});

describe('a job and a registry', () => {
  it('pushes, and another job fetches', async () => {
    const name = `${registry.host}/team/app:1`;
    const first = await run(
      `local built = container.build({ tag = "${name}", push = true })
       output.set("digest", built.digest)
       local again = container.push("${name}", { to = "${registry.host}/team/app:latest" })
       output.set("same", again.digest == built.digest)`,
      { files: { Containerfile: `FROM ${BASE}\nRUN echo ${Date.now()} >/made\n` } },
    );
    expect(first.outcome).toEqual({ state: 'succeeded' });
    expect(first.outputs.get('same')).toBe(true);
    const second = await run(
      `local image = container.pull("${name}")
       output.set("digest", image.digest)
       container.with("${name}", function() process.sh("cat /made") end)
       container.tag(image.id, "mine")
       output.set("other", select(2, pcall(container.push, "${BASE}", { to = "${registry.host}/x:1" })) .. "")
       output.set("short", select(2, pcall(container.push, "mine")) .. "")`,
      { policy: { container: { deny_images: ['localhost/rivet/toolchain'] } } },
    );
    expect(second.outcome).toEqual({ state: 'succeeded' });
    expect(second.outputs.get('digest')).toBe(first.outputs.get('digest'));
    expect(second.outputs.get('other')).toContain('this job has no image');
    expect(second.outputs.get('short')).toContain('names no registry to push to');
    await driver.removeLabelled({ 'dev.rivet.job': second.id });
  });

  it('verifies only where the installation says what is good', async () => {
    const source = `return pipeline.define({ name = "t", policy = { container = { verify = true } },
      stages = { { name = "s", script = function() process.sh("true") end } } })`;
    const bundle = { main: 'pipeline.lua', files: { 'pipeline.lua': source } };
    const without = await recordJob({ driver, lua, bundle });
    expect(without.outcome).toMatchObject({
      reason: 'policy',
      code: 'RIVET_CONTAINER_VERIFY_UNAVAILABLE',
    });
    const policy = { container: { signature_policy: '/etc/containers/policy.json' } };
    const local = await recordJob({ driver, lua, bundle, host: { policy } });
    expect(local.outcome.message).toContain('its signature must be verified');
  });
});

it('limits of a command are those that the kernel holds it to', async ({ skip }) => {
  skip(!hasLimits, 'this machine cannot limit memory');
  const job = await run(
    `container.with({ image = "${BASE}", memory = "256MB" }, function()
       process.sh("echo there >/tool")
       local r = process.run({ "sh", "-c", "cat /tool; dd if=/dev/zero of=/dev/null bs=100M count=1", limits = { memory = "32MB" }, capture_stdout = true })
       output.set("code", r.exit_code) output.set("out", r.stdout)
       output.set("free", process.run({ "dd", "if=/dev/zero", "of=/dev/null", "bs=100M", "count=1" }).exit_code)
       output.set("write", process.run({ "touch", "/workspace/x", readonly = true }).exit_code)
     end)`,
  );
  expect(job.outcome).toEqual({ state: 'succeeded' });
  expect(Object.fromEntries(job.outputs)).toEqual({ code: 137, out: 'there\n', free: 0, write: 1 });
  expect(job.text).toContain('was killed because it ran out of memory (exit code 137)');
});
