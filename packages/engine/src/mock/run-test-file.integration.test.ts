// What the author of a test is told: expectations, mocks that are missing or unused, mistakes.
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RivetError } from '@rivet/base';
import { createLuaEngine, type LuaEngine, renderLuaError } from '@rivet/lua';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { runFiles, type TestedFiles } from '../testing/run-files.ts';

let lua: LuaEngine;
beforeAll(() => {
  lua = createLuaEngine({ reuseProcesses: true });
});
afterAll(() => lua.close());

const PIPELINE = `return pipeline.define({ name = "p", stages = {
  { name = "build", script = function()
    process.sh([[
      # comes first
      cargo build --release
    ]])
    process.run({ "cargo", "publish", "--token", 'a "b"', check = true })
    output.set("version", "1.2")
  end },
  { name = "done", script = function() log.info("one\\ntwo") end },
} })`;

/** Runs test code; `it` names the case of lines that are no case themselves. */
function run(source: string, options?: Parameters<typeof runFiles>[2]): Promise<TestedFiles> {
  const text = source.includes('test.case')
    ? source
    : `test.case("it", function()\n${source}\nend)`;
  return runFiles(
    lua,
    {
      'pipeline.lua': PIPELINE,
      'pipeline_test.lua': `local p = test.pipeline("pipeline.lua")\n${text}`,
    },
    options,
  );
}

/** Message, expected and actual of the case that fails. */
async function failureOf(source: string): Promise<{
  message: string;
  expected: unknown;
  actual: unknown;
  at: unknown;
  shown: string;
}> {
  const { cases } = await run(source);
  const failure = cases.find((each) => each.failure !== undefined)?.failure;
  if (failure === undefined) throw new Error('no case failed');
  const { expected, actual, position } = failure.details;
  return {
    message: failure.message,
    expected,
    actual,
    at: position,
    shown: renderLuaError(failure),
  };
}

const ALL = 'mock.default({})\n';

describe('an expectation that fails', () => {
  test.each([
    ['equals', 'expect(1):equals(2)', 'the value is not what was expected', '2', '1'],
    ['equals of types', 'expect("1"):equals(1)', 'the value is not what was expected', '1', '"1"'],
    [
      'equals of tables',
      'expect({ b = { 1, "x" }, a = true }):equals({ a = true, b = { 1 } })',
      'the value is not what was expected',
      '{ a = true, b = { 1 } }',
      '{ a = true, b = { 1, "x" } }',
    ],
    [
      'equals of texts',
      'expect("a\\nb"):equals("a\\nc")',
      'the value is not what was expected',
      'a\nc',
      'a\nb',
    ],
    [
      'equals with a name',
      'expect(1, "the count"):equals(2)',
      'the count is not what was expected',
      '2',
      '1',
    ],
    [
      'differs',
      'expect("a"):differs("a")',
      'the value was to differ from "a"',
      undefined,
      undefined,
    ],
    [
      'contains',
      'expect({ "a" }):contains("b")',
      'the value does not contain "b"',
      undefined,
      '{ "a" }',
    ],
    [
      'contains a part',
      'expect({ a = 1 }):contains({ a = 2 })',
      'the value does not contain { a = 2 }',
      undefined,
      '{ a = 1 }',
    ],
    [
      'lacks',
      'expect("abc"):lacks("b")',
      'the value contains "b", which it was not to',
      undefined,
      'abc',
    ],
    [
      'matches',
      'expect("abc"):matches("^%d")',
      'the value does not match the pattern "^%d"',
      undefined,
      'abc',
    ],
    ['is_true', 'expect(nil):is_true()', 'the value is not what was expected', 'true', 'nil'],
    [
      'is_set',
      'expect(nil):is_set()',
      'the value is nil, and was to have a value',
      undefined,
      undefined,
    ],
    [
      'has_length',
      'expect({ 1 }):has_length(2)',
      'the value has 1 items and was to have 2',
      undefined,
      '{ 1 }',
    ],
    [
      'is_secret',
      'expect("x"):is_secret("A")',
      'the value is not that secret',
      'secret "A" (***)',
      '"x"',
    ],
    [
      'raises',
      'expect(function() end):raises("x")',
      'the function raised no error',
      '"x"',
      'no error',
    ],
    [
      'was',
      `${ALL} expect(p:run().stages.build):was("failed")`,
      'stage "build" was succeeded, not failed',
      undefined,
      undefined,
    ],
    [
      'was of a run',
      `${ALL} expect(p:run()):was("failed")`,
      'the run was succeeded, not failed',
      undefined,
      undefined,
    ],
    [
      'was_called',
      `${ALL} local m = mock.process("cargo publish") p:run() expect(m):was_called(2)`,
      'mock.process("cargo publish") answered once, and was to answer 2 times',
      undefined,
      undefined,
    ],
    [
      'contains of commands',
      `${ALL} expect(p:run().commands):contains("cargo test")`,
      'the value does not contain "cargo test"',
      undefined,
      `{ "# comes first …", "cargo publish --token 'a \\"b\\"'" }`,
    ],
    [
      'contains of the log',
      `${ALL} expect(p:run().stages.done.log):contains("three")`,
      'the log does not contain "three"',
      undefined,
      'one\ntwo\n',
    ],
  ])('%s', async (_, source, message, expected, actual) => {
    const failure = await failureOf(source);
    expect([failure.message, failure.expected, failure.actual]).toEqual([
      message,
      expected,
      actual,
    ]);
    expect(failure.at).toMatchObject({
      file: 'pipeline_test.lua',
      line: source.startsWith(ALL) ? 4 : 3,
    });
  });

  test('fails its own case only, and shows the log of what ran', async () => {
    const { cases } = await run(`
      test.case("bad", function() mock.default({}) expect(p:run().state):equals("failed") end)
      test.case("good", function() expect(1):equals(1) end)`);
    expect(cases.map(({ state }) => state)).toEqual(['failed', 'passed']);
    expect(cases[0]?.logs[0]).toContain('done | two');
    expect(cases[0]?.position).toEqual({ file: 'pipeline_test.lua', line: 3 });
  });
});

test('expectations that hold say nothing', async () => {
  const { failures } = await run(`${ALL}
    local run = p:run()
    expect(run):was("succeeded")
    expect(run.commands):contains("cargo publish --token")
    expect(run.commands):lacks("cargo test")
    expect(run.outputs):contains({ version = "1.2" })
    expect({ { id = 1 }, { id = 2 } }):contains({ id = 2 })
    expect("a.b"):matches("^a%.b$")
    expect({}):differs({ 1 })
    expect(run:command("cargo publish").args[3]):equals('a "b"')
    expect(run:command({ pattern = "build %-%-release" }).stage):equals("build")
    expect(run.log):contains("two")
    expect(run.log:lines()):contains("one")
    expect(function() error("boom") end):raises("boom")`);
  expect(failures).toEqual({});
});

describe('mocks', () => {
  test('that are missing are shown as the lines to add', async () => {
    const { message, at } = await failureOf('mock.process("cargo build")\np:run()');
    expect(message).toBe(
      [
        'the pipeline did what no mock answers:',
        `  pipeline.lua:7: cargo publish --token 'a "b"'`,
        `    mock.process({ "cargo", "publish", "--token", 'a "b"' }, { exit_code = 0 })`,
      ].join('\n'),
    );
    expect(at).toMatchObject({ file: 'pipeline_test.lua', line: 4 });
  });

  test('the line that is shown for a script is its first command', async () => {
    const { message } = await failureOf('p:run()');
    expect(message).toContain('pipeline.lua:3: # comes first …');
    expect(message).toContain('mock.process("cargo build --release", { exit_code = 0 })');
  });

  test('are missed also when the script catches the error', async () => {
    const { failures } = await runFiles(lua, {
      'pipeline.lua': `return pipeline.define({ name = "p", stages = { { name = "a",
        script = function() pcall(process.run, { "x" }) end } } })`,
      'pipeline_test.lua': 'test.case("it", function() test.pipeline("pipeline.lua"):run() end)',
    });
    expect(failures.it).toContain('mock.process("x", { exit_code = 0 })');
  });

  test('of a case go before those of the file, and are gone in the next case', async () => {
    const { failures } = await run(`
      mock.default({})
      local shared = mock.process("cargo publish", { exit_code = 0 })
      test.case("own", function()
        mock.process("cargo publish", { exit_code = 1 })
        expect(p:run()):was("failed")
      end)
      test.case("of the file", function()
        expect(p:run()):was("succeeded")
        expect(shared):was_called(1)
      end)`);
    expect(failures).toEqual({});
  });

  test('that are not used are told; those with a count fail the case', async () => {
    const { cases, failures } = await run(`
      test.case("unused", function() mock.process("never") end)
      test.case("optional", function() mock.process("never"):optional() end)
      test.case("once", function() mock.process("never"):once() end)
      test.case("twice", function()
        mock.default({}) mock.process("cargo publish"):times(2) p:run()
      end)`);
    expect(cases.map(({ notes }) => notes.length)).toEqual([1, 0, 0, 0]);
    expect(cases[0]?.notes[0]).toBe('mock.process("never") answered nothing; is it still needed?');
    expect(failures).toEqual({
      once: 'mock.process("never") never answered, and was to answer once',
      twice: 'mock.process("cargo publish") answered once, and was to answer 2 times',
    });
  });

  test('match words, lists, fields, patterns and functions', async () => {
    const { failures } = await run(`
      local function answers(matcher)
        mock.default({})
        local m = mock.process(matcher)
        p:run()
        return #m.calls
      end
      test.case("words", function() expect(answers("cargo")):equals(2) end)
      test.case("words with *", function() expect(answers("car* pub*")):equals(1) end)
      test.case("quoted words", function() expect(answers("cargo publish --token 'a \\"b\\"'")):equals(1) end)
      test.case("not a part of a word", function() expect(answers("carg")):equals(0) end)
      test.case("a list", function() expect(answers({ "cargo", "publish", "--token", "*" })):equals(1) end)
      test.case("a short list", function() expect(answers({ "cargo", "publish" })):equals(0) end)
      test.case("a stage", function() expect(answers({ stage = "build" })):equals(2) end)
      test.case("a pattern", function() expect(answers({ pattern = "%-%-%a+" })):equals(2) end)
      test.case("an image", function() expect(answers({ image = "other:*" })):equals(0) end)
      test.case("a function", function()
        expect(answers(function(c) return c.script ~= nil end)):equals(1)
      end)`);
    expect(failures).toEqual({});
  });
});

describe('the line that is shown for a missing mock answers the command', () => {
  test.each([
    [`process.run({ "echo", "it works", "a;b", "#x" })`],
    [`process.run({ "sh", "-c", "x 'y' && \\"z\\"" })`],
    [`process.run({ "printf", "a\\nb", "" })`],
    [`process.sh("echo on the way; echo broken >&2; exit 3")`],
    [`process.sh("cd dist && sha256sum a b > SUMS # for the release")`],
    [`process.sh("for x in a b; do\\n  echo $x\\ndone")`],
  ])('%s', async (command) => {
    const pipeline = `return pipeline.define({ name = "p", stages = { { name = "a", script = function() ${command} end } } })`;
    const tests = (mocks: string): string =>
      `test.case("it", function() ${mocks} test.pipeline("pipeline.lua"):run() end)`;
    const before = await runFiles(lua, {
      'pipeline.lua': pipeline,
      'pipeline_test.lua': tests(''),
    });
    const line = before.failures.it?.split('\n').find((text) => /^ {4}mock\.process\(/.test(text));
    expect(line).toBeDefined();
    const after = await runFiles(lua, {
      'pipeline.lua': pipeline,
      'pipeline_test.lua': tests(line ?? ''),
    });
    expect(after.failures).toEqual({});
  });
});

describe('a mistake of the author', () => {
  test.each([
    [
      'mock.process("x", { exitcode = 1 })',
      /the answer of mock.process has no field "exitcode"; it takes .*exit_code/,
    ],
    ['mock.process(5)', /the command of mock.process is 5; expected words such as "cargo build"/],
    [
      'mock.process("x", "y")',
      /the answer of mock.process is "y"; expected a table such as \{ exit_code = 0 \}/,
    ],
    ['mock.http("https://x")', /expected a method and a URL such as "GET https:/],
    ['mock.secret("A", "abc")', /expected a text of at least 4 bytes/],
    ['mock.time({})', /the time of mock.time is \{\}; expected seconds since 1970/],
    ['mock.time("noon") p:run()', /mock.time: time is "noon"; expected seconds since 1970/],
    ['expect(1):equal(1)', /expect\(…\) has no "equal"; it has contains, differs, equals,/],
    [
      `${ALL} local _ = p:run().stages.biuld`,
      /the pipeline has no stage "biuld"; it has build, done/,
    ],
    [`${ALL} local _ = p:run().status`, /a run has no "status"; it has code, commands,/],
    [
      `${ALL} p:run():command("npm")`,
      /no command of the run is "npm"; these ran:\n {2}# comes first …\n {2}cargo publish/,
    ],
    ['p:run({ stages = "x" })', /p:run has no option "stages"; did you mean "stage"\?/],
    ['p:run({ stage = "biuld" })', /no stage "biuld"; did you mean "build"\?/],
    ['mock.file("../x", "y") p:run()', /mock.file: \.\.\/x leaves \/workspace/],
    [
      `mock.process("cargo build", { exit_code = 999 }) p:run()`,
      /mock.process\("cargo build"\): exit_code is 999; expected a whole number from 0 to 255/,
    ],
    [
      `mock.process("cargo build", function() return { code = 1 } end) p:run()`,
      /what the function of mock.process\("cargo build"\) returned has no field "code"/,
    ],
    [
      'test.pipeline("nope.lua"):run()',
      /test.pipeline: nope.lua does not exist beside the test file/,
    ],
    [`test.pipeline("${'../'.repeat(20)}etc/passwd"):run()`, /test.pipeline: .* leaves /],
    [
      'mock.proces("x")',
      /mock has no "proces"; it has default, file, http, image, process, secret, time/,
    ],
    ['test.cases("x")', /test has no "cases"; it has case, .*pipeline/],
    ['p.run()', /run is called with a colon: p:run\(…\)/],
    ['expect(1).equals(2)', /equals is called with a colon: expect\(…\):equals\(…\)/],
    ['mock.process("x").once()', /once is called with a colon: mock.process\(…\):once\(…\)/],
    ['test.case("inner", function() end)', /a case cannot be inside of another case/],
  ])('%s', async (source, message) => {
    const { cases } = await run(`test.case("it", function()\n${source}\nend)`);
    expect(cases[0]?.failure?.message ?? 'passed').toMatch(message);
    expect(cases[0]?.failure?.details.position).toMatchObject({ file: 'pipeline_test.lua' });
  });

  test('in the pipeline is shown as rivet check shows it', async () => {
    const { failures } = await runFiles(lua, {
      'pipeline.lua': 'return pipeline.define({ name = "p", stages = {} })',
      'pipeline_test.lua': 'test.case("it", function() test.pipeline("pipeline.lua"):run() end)',
    });
    expect(failures.it).toMatch(/the pipeline is not valid: .*stages/);
  });

  test('two cases of one name are refused', async () => {
    const twice = 'test.case("a", function() end) test.case("a", function() end)';
    await expect(run(twice)).rejects.toThrow('two cases are called "a"');
  });

  test('a run outside of a case says where it may be', async () => {
    await expect(run('test.case("a", function() end) p:run()')).rejects.toThrow(
      /:2:\d+: p:run is called outside of a case; put it into test.case/,
    );
  });

  test('a syntax error has its line', async () => {
    await expect(run('test.case("a", function()')).rejects.toMatchObject({
      code: 'RIVET_LUA_SYNTAX',
      details: { position: { file: 'pipeline_test.lua' } },
    });
  });

  test('a file without cases is refused', async () => {
    await expect(run('-- test.case')).rejects.toMatchObject({ code: 'RIVET_TEST_NO_CASES' });
  });

  test('a case that never ends is ended, and the next one runs', async () => {
    const { cases } = await run(
      `test.case("stuck", function() p:run() while true do p:run() end end)
       test.case("next", function() end)
       mock.default({})`,
      { caseTimeoutMs: 1500 },
    );
    expect(cases.map(({ state, failure }) => [state, failure?.code])).toEqual([
      ['failed', 'RIVET_TEST_TIMEOUT'],
      ['passed', undefined],
    ]);
  });
});

test('an interruption ends the case that runs, and leaves nothing behind', async () => {
  const abort = new AbortController();
  const directory = await mkdtemp(join(tmpdir(), 'rivet-interrupted-'));
  vi.stubEnv('TMPDIR', directory);
  const running = run(
    `mock.default({})
     test.case("stuck", function() while true do p:run() end end)
     test.case("next", function() end)`,
    { signal: abort.signal },
  );
  // A run has a directory of its own: the case has begun.
  const isRun = (name: string): boolean => name.startsWith('rivet-test-');
  const runs = async () => (await readdir(directory)).filter(isRun);
  await expect.poll(runs, { interval: 1 }).not.toEqual([]);
  abort.abort(RivetError.of('RIVET_INTERRUPTED', { by: 'a test' }));
  const { cases } = await running;
  expect(cases.map(({ name, failure }) => [name, failure?.code])).toEqual([
    ['stuck', 'RIVET_INTERRUPTED'],
  ]);
  vi.unstubAllEnvs();
  expect(await readdir(directory)).toEqual([]);
  await rm(directory, { recursive: true });
});

test('a case sees nothing of what the one before did to its file', async () => {
  const { failures } = await run(`
    local count = 0
    test.case("one", function() count = count + 1 expect(count):equals(1) end)
    test.case("two", function() count = count + 1 expect(count):equals(1) end)`);
  expect(failures).toEqual({});
});

test('cases that are skipped or not wanted are not run', async () => {
  const { cases } = await run(
    `test.case("wanted", function() end)
     test.skip("wanted too", function() error("ran") end)
     test.case("other", function() error("ran") end)`,
    { wanted: (name) => name.startsWith('wanted') },
  );
  expect(cases.map(({ name, state }) => [name, state])).toEqual([
    ['wanted', 'passed'],
    ['wanted too', 'skipped'],
  ]);
});

test('what a case prints is told, and test files load their own libraries', async () => {
  const { cases } = await runFiles(lua, {
    'lib/shared.lua': 'return { word = "shared" }',
    'pipeline_test.lua':
      'local s = require("lib.shared") test.case("a", function() print(s.word, 2) end)',
  });
  expect(cases[0]?.notes).toEqual(['shared\t2']);
});
