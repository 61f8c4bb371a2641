// `rivet test` as a person uses it: the real program on files of the disk.
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { cli } from '../testing/run-cli.ts';

const FILES = {
  'pipeline.lua': `return pipeline.define({ name = "p", stages = {
  { name = "build", script = function() process.run({ "make", check = true }) end } } })`,
  'pipeline_test.lua': `local p = test.pipeline("pipeline.lua")
test.case("make is run", function()
  mock.process("make", { stdout = "built\\n" })
  expect(p:run()):was("succeeded")
end)
test.case("two lines", function()
  mock.process("make")
  local run = p:run()
  expect({ state = run.state, ran = run.ran, commands = run.commands, more = "more than fits on one line" }):equals({
    state = "failed", ran = { "build" }, commands = { "make" }, more = "more than fits on one line",
  })
end)
test.skip("later", function() end)`,
  'deploy/tests/deploy.lua': `test.case("a file below", function()
  mock.process("make")
  expect(test.pipeline("../../pipeline.lua"):run().ran):equals({ "build" })
end)`,
  'broken/broken_test.lua': 'test.case("x", function()',
  'node_modules/x/x_test.lua': 'error("not ours")',
  'empty/readme.lua': '',
};

// Each test starts programs, on machines that may be busy.
vi.setConfig({ testTimeout: 60_000 });

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rivet-test-test-'));
  for (const [path, content] of Object.entries(FILES)) {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), content);
  }
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const run = (...args: string[]) => cli('test', ...args).in(directory);

/** Without what differs from run to run. */
const still = (text: string): string => text.replaceAll(/\([\d.]+(?:ms|s)\)/g, '(…)');

describe('rivet test', () => {
  test('shows each case, and of one that fails the difference, the line and the log', async () => {
    const { stdout } = await run('pipeline_test.lua').exits(1).run();
    expect(still(stdout)).toBe(`pipeline_test.lua
  ok   make is run (…)
  FAIL two lines (…)
       the value is not what was expected
         - expected  + actual
           {
             commands = { "make" },
             more = "more than fits on one line",
             ran = { "build" },
         -   state = "failed",
         +   state = "succeeded",
           }
         --> pipeline_test.lua:9:3
         9 |   expect({ state = run.state, ran = run.ran, commands = run.commands, more = "more than fits on one line" }):equals({
           |   ^
       log:
         build | $ make

  skip later

1 failed, 1 passed, 1 skipped in 1 file (…)
`);
  });

  test('finds the tests of a project, and goes on after a file that is broken', async () => {
    const { stdout } = await run().exits(1).run();
    const names = stdout.split('\n').filter((line) => line.endsWith('.lua'));
    expect(names).toEqual([
      'broken/broken_test.lua',
      'deploy/tests/deploy.lua',
      'pipeline_test.lua',
    ]);
    expect(stdout).toContain('FAIL the file could not be run');
    expect(stdout).toMatch(/--> broken_test\.lua:1/);
    expect(stdout).toContain('ok   a file below');
    expect(still(stdout)).toContain('2 failed, 2 passed, 1 skipped in 3 files (…)');
  });

  test('runs the cases with a text in their name', async () => {
    const { stdout } = await run('--filter', 'MAKE', 'pipeline_test.lua').exits(0).run();
    expect(still(stdout)).toBe(
      'pipeline_test.lua\n  ok   make is run (…)\n\n1 passed in 1 file (…)\n',
    );
  });

  test('with a filter that fits nothing is no success', async () => {
    await run('--filter', 'nothing', 'pipeline_test.lua')
      .exits(2)
      .stderr(/no case has "nothing" in its name/)
      .run();
  });

  test('gives programs JSON, and writes JUnit XML', async () => {
    const junit = join(directory, 'results.xml');
    const { stdout } = await run('pipeline_test.lua', '--json', '--junit', junit).exits(1).run();
    const { passed, failed, skipped, files } = JSON.parse(stdout);
    expect([passed, failed, skipped]).toEqual([1, 1, 1]);
    expect(files[0].cases[0]).toMatchObject({ name: 'make is run', state: 'passed', line: 2 });
    expect(files[0].cases[1].failure).toMatchObject({
      code: 'RIVET_TEST_EXPECTATION',
      message: 'the value is not what was expected',
      file: 'pipeline_test.lua',
      line: 9,
    });
    expect(files[0].cases[1].failure.actual).toContain('state = "succeeded"');
    const xml = await readFile(junit, 'utf8');
    expect(xml).toContain('<testsuites tests="3" failures="1" skipped="1"');
    expect(xml).toContain('<testcase classname="pipeline_test.lua" name="make is run"');
    expect(xml).toContain(
      '<failure type="RIVET_TEST_EXPECTATION" message="the value is not what was expected">',
    );
    expect(xml).toContain('state = &quot;failed&quot;'.replaceAll('&quot;', '"'));
  });

  test.each([
    [['nope_test.lua'], /nope_test\.lua does not exist/],
    [['empty'], /there are no tests in .*empty/],
    [['--timeout', '0'], /--timeout is "0"; expected a whole number from 1 to 3600/],
  ])('%j is refused', async (args, message) => {
    await run(...args)
      .exits(2)
      .stderr(message)
      .run();
  });

  test('a name that is no module name is explained', async () => {
    const path = join(directory, 'empty', 'my pipeline_test.lua');
    await writeFile(path, 'test.case("a", function() end)');
    const { stdout } = await run(path).exits(1).run();
    expect(stdout).toMatch(/cannot be the name of a test file\n(.*\n)*.*letters, digits, _ and -/);
    await rm(path);
  });
});

test('the tests of the examples pass', async () => {
  const examples = resolve(import.meta.dirname, '../../../../examples');
  const { stdout } = await cli('test', 'examples').in(dirname(examples)).exits(0).run();
  expect(stdout).toContain('examples/build-and-test/pipeline_test.lua');
  expect(stdout).not.toContain('note:');
});
