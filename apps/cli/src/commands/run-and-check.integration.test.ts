// `rivet run` as far as it goes without containers: plans, inputs, mistakes.
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cli } from '../testing/run-cli.ts';

const PIPELINE = `
return pipeline.define({
  name = "demo",
  inputs = {
    branch = { type = "string", pattern = "^[a-z]+$", description = "which branch" },
    level = { type = "string", options = { "debug", "release" }, default = "debug" },
    targets = { type = "list", items = { type = "string" }, default = { "linux" } },
    token = { type = "string", secret = true, required = false },
  },
  stages = {
    { name = "build", container = "localhost/rivet/toolchain:latest", script = function() end },
    { name = "unit", needs = { "build" }, script = function() end },
    { name = "lint", needs = {}, script = function() end, allow_failure = true },
    { name = "publish", needs = { "unit", "lint" }, condition = function() return true end,
      script = function() end },
  },
})
`;

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rivet-run-'));
  await writeFile(join(directory, 'pipeline.lua'), PIPELINE);
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const run = (...args: string[]) => cli('run', 'pipeline.lua', ...args).in(directory);
const plan = async (...args: string[]) => {
  const { stdout } = await run('--dry-run', '--json', ...args)
    .exits(0)
    .run();
  return JSON.parse(stdout);
};

describe('rivet run --dry-run', () => {
  it('shows stages, order, needs, containers and inputs, and starts nothing', async () => {
    const data = join(directory, 'data');
    await run('--dry-run', '--input', 'branch=main', '--input', 'token=s3cret')
      .env({ RIVET_DATA_DIRECTORY: data, RIVET_DEFAULT_IMAGE: 'default:1' })
      .exits(0)
      .stdout(/branch = "main"\n {2}level = "debug"/)
      .stdout(/token = "\*\*\*"/)
      .stdout(/1\. build {4}at once, in localhost\/rivet\/toolchain:latest\n/)
      .stdout(/\n {6}lint {5}at once, in default:1, may fail\n/)
      .stdout(/2\. unit {5}after build, in default:1\n/)
      .stdout(/3\. publish {2}after unit, lint, in default:1, its condition is met\n/)
      .run();
    expect(await readdir(directory)).toEqual(['pipeline.lua']);
  });

  it('gives programs the same', async () => {
    const { pipeline, inputs, stages } = await plan('--input', 'branch=main', '--stage', 'unit');
    expect(pipeline).toBe('demo');
    expect(inputs).toEqual({ branch: 'main', level: 'debug', targets: ['linux'] });
    expect(stages.map((stage: { name: string; runs: string }) => [stage.name, stage.runs])).toEqual(
      [
        ['build', 'yes'],
        ['unit', 'yes'],
        ['lint', 'no'],
        ['publish', 'no'],
      ],
    );
  });

  it('refuses a stage that is not there, naming the nearest', async () => {
    await run('--dry-run', '--input', 'branch=main', '--stage', 'unti')
      .exits(2)
      .stderr(/no stage "unti"; did you mean "unit"\?/)
      .run();
  });
});

describe('inputs', () => {
  it('come from options before the file, and from standard input', async () => {
    const { inputs } = await (async () => {
      const { stdout } = await run(
        ...['--dry-run', '--json', '--input-file', '-', '--input', 'level=release'],
        ...['--input', 'targets=a', '--input', 'targets=b'],
      )
        .stdin('{"branch": "main", "level": "debug"}')
        .exits(0)
        .run();
      return JSON.parse(stdout);
    })();
    expect(inputs).toEqual({ branch: 'main', level: 'release', targets: ['a', 'b'] });
  });

  it('that are missing are listed where nobody can be asked', async () => {
    await run('--dry-run')
      .exits(2)
      .stderr(/required and have no value: branch\n/)
      .stderr(/ {4}--input branch=… {3}string, required, matching \^\[a-z\]\+\$: which branch/)
      .run();
  });

  it.each([
    [['--input', 'brnach=x'], /no input "brnach"[\s\S]*did you mean "branch"\?/],
    [['--input', 'branch=X'], /"branch" does not match the pattern/],
    [['--input', 'branch=a', '--input', 'level=relaese'], /did you mean "release"\?/],
    [
      ['--input', 'branch=a', '--input-file', 'none.json'],
      /input file none.json: it does not exist/,
    ],
    [['--input', 'branch'], /--input "branch" is no name=value/],
  ])('%j is refused with what is wrong', async (args, message) => {
    await run('--dry-run', ...args)
      .exits(2)
      .stderr(message)
      .run();
  });

  it.each([
    ['', /is not JSON/],
    ['[1]', /found a list, expected one object/],
    ['{"branch": 5}', /"branch" is not a string|"branch" is not text/],
  ])('a file with %j is refused', async (content, message) => {
    await run('--dry-run', '--input-file', '-').stdin(content).exits(2).stderr(message).run();
  });
});

describe('mistakes before anything starts', () => {
  it('are all told for a pipeline that is not valid', async () => {
    await writeFile(
      join(directory, 'pipeline.lua'),
      'return pipeline.define({ name = "x", stagse = {}, stages = { { name = "a" } } })',
    );
    await run()
      .exits(2)
      .stderr(/unknown field "stagse"[\s\S]*did you mean "stages"[\s\S]*stages\[1\]\.script/)
      .stderr(/error: the pipeline is not valid: 2 mistakes/)
      .run();
  });

  it('include directories that are not there', async () => {
    await run('--input', 'branch=a', '--bind', 'nowhere')
      .exits(2)
      .stderr(/nowhere does not exist\n {2}Name an existing directory/)
      .run();
  });

  it('include a pipeline file that is not there', async () => {
    await cli('run', 'none.lua')
      .in(directory)
      .exits(2)
      .stderr(/there is no file .*none\.lua/)
      .run();
  });
});

describe('rivet check', () => {
  it('prints JSON of a stable shape', async () => {
    const good = await cli('check', 'pipeline.lua', '--json').in(directory).exits(0).run();
    expect(JSON.parse(good.stdout)).toEqual({ valid: true, issues: [], warnings: [] });
    await writeFile(join(directory, 'bad.lua'), 'return pipeline.define({\n  name = 5,\n})');
    const bad = await cli('check', 'bad.lua', '--json').in(directory).exits(2).run();
    const { valid, issues } = JSON.parse(bad.stdout);
    expect(valid).toBe(false);
    expect(issues).toContainEqual(
      expect.objectContaining({ path: 'name', file: 'bad.lua', line: 2, found: '5' }),
    );
  });

  it('tells the line and column of a syntax error', async () => {
    await writeFile(join(directory, 'bad.lua'), 'return {\n  1 2\n}');
    await cli('check', 'bad.lua')
      .in(directory)
      .exits(2)
      .stdout(/bad\.lua:2:\d+/)
      .run();
  });

  it('warns of what is probably not meant, and fails for it with --strict', async () => {
    const script = 'process.run({ "make" })\n  jsn.decode("1")';
    const stages = `stages = { { name = "a", script = function()\n  ${script}\nend } }`;
    await writeFile(
      join(directory, 'lint.lua'),
      `return pipeline.define({ name = "a", ${stages} })`,
    );
    await cli('check', 'lint.lua')
      .in(directory)
      .exits(0)
      .stdout(/lint\.lua:2:3[\s\S]*did you mean "json"[\s\S]*\(1 stage, 0 inputs\), 2 warnings/)
      .run();
    const { stdout } = await cli('check', 'lint.lua', '--strict', '--json')
      .in(directory)
      .exits(2)
      .run();
    const { valid, warnings } = JSON.parse(stdout);
    expect(valid).toBe(true);
    expect(warnings.map(({ rule }: { rule: string }) => rule)).toEqual([
      'unused-result',
      'unknown-global',
    ]);
    expect(warnings[0]).toMatchObject({ file: 'lint.lua', line: 2, column: 3 });
  });

  it('ends for a file that never does', async () => {
    await writeFile(join(directory, 'loop.lua'), 'while true do end');
    await cli('check', 'loop.lua')
      .in(directory)
      .exits(2)
      .stdout(/loop\.lua:1/)
      .run();
  });
});
