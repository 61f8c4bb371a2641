// `rivet plan` as a person uses it: the real program, no server, no containers.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { cli } from '../testing/run-cli.ts';

const PIPELINE = `return pipeline.define({
  name = "release",
  inputs = {
    branch = { type = "string", default = "main" },
    token = { type = "string", secret = true, required = false },
  },
  runner = { { key = "os", value = "linux" } },
  secrets = { "NPM_TOKEN" },
  timeout = "1h",
  stages = {
    { name = "build", container = "rust:1.80", timeout = "10m", retry = { max = 1 },
      script = function() process.run({ "cargo", "build", check = true }) end },
    { name = "publish", needs = { "build" }, readonly = true,
      condition = function() return input.get("branch") == "main" end, script = function() end },
    { name = "announce", needs = { "build" },
      condition = function() return output.has("version") end, script = function() end },
    { name = "wrong", needs = { "publish", "announce" },
      condition = function() return http.get("https://x").ok end, script = function() end },
    { name = "cleanup", always = true, script = function() end },
  },
})
`;

const REFUSED = 'http.get may not be called in the condition of a stage';

// Each test starts programs, on machines that may be busy.
vi.setConfig({ testTimeout: 60_000 });

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rivet-plan-test-'));
  await writeFile(join(directory, 'pipeline.lua'), PIPELINE);
});
afterAll(() => rm(directory, { recursive: true, force: true }));

function plan(...args: string[]) {
  return cli('plan', 'pipeline.lua', ...args)
    .in(directory)
    .env({ RIVET_DEFAULT_IMAGE: 'base:1' });
}

describe('a plan', () => {
  test('shows the order, what is needed, and what the conditions say', async () => {
    const { stdout } = await plan().exits(0).run();
    expect(stdout).toBe(`release: this is what would run; nothing was started
Inputs
  branch = "main"
Needs
  secrets  NPM_TOKEN
  runner   os=linux
  images   base:1, rust:1.80
  time     at most 1h00m
Stages
   1. build     at once, in rust:1.80, at most 10m00s, up to 2 runs
   2. publish   after build, in base:1, read-only, its condition is met
      announce  after build, in base:1
                maybe: its condition at pipeline.lua:16 calls output.has, known only in a run
   3. wrong     after publish, announce, in base:1
                skipped: its condition at pipeline.lua:18 fails: ${REFUSED}
   4. cleanup   after wrong, in base:1, always
`);
  });

  test('says which condition is not met with other inputs, and hides secret ones', async () => {
    const { stdout } = await plan('--input', 'branch=dev', '--input', 'token=hunter22', '--json')
      .exits(0)
      .run();
    expect(stdout).not.toContain('hunter22');
    const { inputs, stages, images, timeout_ms } = JSON.parse(stdout);
    expect(inputs).toEqual({ branch: 'dev', token: '***' });
    expect([images, timeout_ms]).toEqual([['base:1', 'rust:1.80'], 3_600_000]);
    expect(stages[1]).toMatchObject({
      name: 'publish',
      runs: 'no',
      reason: 'its condition at pipeline.lua:14 is not met with these inputs',
      condition: 'pipeline.lua:14',
    });
    expect(stages[3]).toMatchObject({ wave: 3, after: ['publish', 'announce'] });
    expect(stages[3].needs.toSorted()).toEqual(['announce', 'publish']);
    expect(stages[4].after).toEqual(['wrong']);
  });

  test('is a Mermaid flowchart when that is asked for', async () => {
    const { stdout } = await plan('--mermaid', '--input', 'branch=dev').exits(0).run();
    const lines = stdout.trimEnd().split('\n');
    expect(lines[0]).toBe('flowchart TD');
    expect(lines).toContain('  s1["build<br/><small>rust:1.80</small>"]');
    expect(lines).toContain('  s2["publish<br/><small>skipped</small>"]');
    expect(lines).toContain('  s3["announce<br/><small>base:1<br/>maybe</small>"]');
    expect(lines).toContain('  s5(["cleanup<br/><small>base:1</small>"])');
    expect(lines.filter((line) => line.includes('-->'))).toEqual([
      '  s1 --> s2',
      '  s1 --> s3',
      '  s2 --> s4',
      '  s3 --> s4',
      '  s4 --> s5',
    ]);
    expect(lines).toContain('  class s3 maybe');
    expect(lines).toContain('  class s2,s4 no');
  });

  test('of one stage leaves out what it does not need', async () => {
    const { stdout } = await plan('--stage', 'publish', '--json').exits(0).run();
    const { stages } = JSON.parse(stdout);
    expect(stages.map(({ runs }: { runs: string }) => runs)).toEqual([
      'yes',
      'yes',
      'no',
      'no',
      'no',
    ]);
    expect(stages[2].reason).toBe('"publish" does not need it');
  });

  test('of a stage that is not there names the nearest', async () => {
    await plan('--stage', 'publsh')
      .exits(2)
      .stderr(/no stage "publsh"; did you mean "publish"\?/)
      .run();
  });

  test('has one form at a time', async () => {
    await plan('--json', '--mermaid').exits(2).run();
  });

  test('without an input that is required says so, and what depends on it', async () => {
    const file = join(directory, 'required.lua');
    await writeFile(
      file,
      `return pipeline.define({ name = "p", inputs = { version = { type = "string" }, n = { type = "number", default = 2 } },
        stages = {
          { name = "a", condition = function() return input.get("version") ~= "" end, script = function() end },
          { name = "b", condition = function() return input.get("n") > 1 end, script = function() end } } })`,
    );
    const { stdout } = await cli('plan', file).exits(0).run();
    expect(stdout).toContain('  n = 2\n  version is missing: a run needs it\n');
    expect(stdout).toMatch(/maybe: its condition at required.lua:3 calls input.get, known only/);
    expect(stdout).toMatch(/b {2}after a, in .*, its condition is met/);
    await cli('plan', file, '--input', 'n=x')
      .exits(2)
      .stderr(/input "n"/)
      .run();
  });
});
