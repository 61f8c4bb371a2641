// The module `fs` in jobs: conditions, readonly stages, stages that fill the workspace.
import { readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createFakeDriver } from '@rivet/containers';
import { createLuaEngine } from '@rivet/lua';
import { afterAll, expect, it } from 'vitest';
import { type RecordedJob, type RecordOptions, recordJob } from '../testing/job-recorder.ts';

const lua = createLuaEngine();
afterAll(() => lua.close());

async function run(fields: string, options: Partial<RecordOptions> = {}): Promise<RecordedJob> {
  const files = { 'pipeline.lua': `return pipeline.define({ name = "t", ${fields} })\n` };
  const bundle = { main: 'pipeline.lua', files };
  return await recordJob({ driver: createFakeDriver(), lua, bundle, ...options });
}

const stage = (body: string, more = '') => `stages = { { name = "s", ${more}
  script = function() ${body} end } }`;

it('a script works with files and their errors', async () => {
  const job = await run(
    stage(`
      fs.write("a/b.txt", "one\\ntwo\\n", { parents = true })
      fs.append("a/b.txt", "three")
      output.set("lines", fs.read("a/b.txt", { lines = true }))
      output.set("found", fs.glob("**/*.txt"))
      output.set("size", fs.stat("a/b.txt").size)
      output.set("missing", fs.stat("x") == nil)
      output.set("bytes", #fs.read("a/b.txt", { offset = -2 }))
      local ok, message = pcall(fs.read, "../x")
      output.set("refused", tostring(message))
    `),
    {
      async inspect({ workspace }) {
        expect(await readFile(join(workspace, 'a/b.txt'), 'utf8')).toBe('one\ntwo\nthree');
      },
    },
  );
  expect(job.outcome).toEqual({ state: 'succeeded' });
  expect(Object.fromEntries(job.outputs)).toEqual({
    lines: ['one', 'two', 'three'],
    found: ['a/b.txt'],
    size: 13,
    missing: true,
    bytes: 2,
    refused: expect.stringContaining('fs.read: "../x" leaves /workspace'),
  });
});

it('10 MB of any bytes come into the script, and go out in parts', async () => {
  const content = Buffer.alloc(10 * 1024 * 1024, 'a"\\\xff\0\n', 'latin1');
  const job = await run(
    stage(`
      local all = fs.read("f")
      assert(#all == 10 * 1024 * 1024)
      for from = 1, #all, 2^21 do fs.append("g", all:sub(from, from + 2^21 - 1)) end
    `),
    {
      limits: { lua: { cpuMs: 20_000, memoryBytes: 256 * 1024 * 1024 } },
      async inspect({ workspace, outcome }) {
        expect(outcome).toEqual({ state: 'succeeded' });
        expect((await readFile(join(workspace, 'g'))).equals(content)).toBe(true);
      },
      onWorkspace: (workspace) => writeFile(join(workspace, 'f'), content),
    },
  );
  expect(job.lines).toEqual([]);
});

it('a condition may look at files, and not write them', async () => {
  const condition = (body: string) => `condition = function() ${body} end,`;
  const looks = await run(stage('', condition('return fs.exists("Cargo.toml")')));
  expect(looks.stages).toEqual({ s: 'skipped' });
  const writes = await run(stage('', condition('fs.write("f", "x") return true')));
  expect(writes.outcome.message).toContain('fs.write may not be called in the condition');
});

it('a readonly stage that writes fails, and says so', async () => {
  const job = await run(stage('fs.mkdir("d")', 'readonly = true,'));
  expect(job.outcome).toMatchObject({
    state: 'failed',
    reason: 'policy',
    code: 'RIVET_FS_READONLY',
  });
  expect(job.outcome.message).toContain('fs.mkdir: the stage "s" is readonly');
});

it('the limits of the policy hold for the files of a stage', async () => {
  const job = await run(
    `policy = { fs = { file_max = "1MB", workspace_max = "1MB" } }, ${stage(
      'fs.write("f", ("x"):rep(600 * 1024)) fs.write("g", ("x"):rep(600 * 1024))',
    )}`,
  );
  expect(job.outcome).toMatchObject({ reason: 'policy', code: 'RIVET_FS_WORKSPACE_MAX' });
});

it('a stage whose commands filled the workspace beyond the policy fails when it ends', async () => {
  const job = await run(
    `policy = { fs = { workspace_max = "1MB" } }, ${stage('process.run({ "fill" })')}`,
    {
      onWorkspace: (workspace) => writeFile(join(workspace, 'f'), Buffer.alloc(2 * 1024 * 1024, 1)),
    },
  );
  expect(job.outcome).toMatchObject({ reason: 'policy', code: 'RIVET_FS_WORKSPACE_MAX' });
  expect(job.outcome.message).toContain('the workspace would take 2');
});

it('a stage whose commands fill the workspace is stopped while they run', async () => {
  const started = performance.now();
  const job = await run(
    `policy = { fs = { workspace_max = "1MB" } }, ${stage('time.sleep("60s")')}`,
    {
      onWorkspace: (workspace) => writeFile(join(workspace, 'f'), Buffer.alloc(2 * 1024 * 1024, 1)),
    },
  );
  expect(job.outcome).toMatchObject({ reason: 'policy', code: 'RIVET_FS_WORKSPACE_MAX' });
  expect(performance.now() - started).toBeLessThan(15_000);
});

it('a workspace that is gone is the fault of the installation', async () => {
  const job = await run(stage('fs.list()'), { onWorkspace: (workspace) => rmdir(workspace) });
  expect(job.outcome).toMatchObject({ reason: 'infrastructure', code: 'RIVET_FS_FAILED' });
});

it('every function of fs and yaml is there when a pipeline is created, and refused there', async () => {
  const bundle = {
    main: 'pipeline.lua',
    files: { 'pipeline.lua': 'fs.read("x") return pipeline.define({ name = "t", stages = {} })' },
  };
  const job = await recordJob({ driver: createFakeDriver(), lua, bundle });
  expect(job.outcome.message).toContain('fs.read cannot be called while the script is only being');
});
