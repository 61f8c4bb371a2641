// Values of strangers in real commands: what a branch is called is no shell text (S5), and what a
// command prints is no instruction to Rivet (S6).
import { createPodmanDriver } from '@rivet/containers';
import { createLuaEngine } from '@rivet/lua';
import { afterAll, describe, expect, it } from 'vitest';
import { recordJob } from '../testing/job-recorder.ts';

const driver = createPodmanDriver();
const lua = createLuaEngine();

afterAll(async () => {
  await lua.close();
  await driver.close();
});

/** Runs a pipeline whose stages get `values` as an input. */
function run(values: readonly string[], script: string) {
  const source = `return pipeline.define({ name = "t",
    inputs = { values = { type = "list", items = { type = "string" } } },
    stages = { { name = "s", script = function() ${script} end },
               { name = "after", script = function()
                   local seen = process.run({ "env", capture_stdout = true })
                   output.set("environment", seen.stdout) end } } })`;
  const bundle = { main: 'pipeline.lua', files: { 'pipeline.lua': source } };
  return recordJob({ driver, lua, bundle, inputs: { values: [...values] } });
}

const names = [
  `zzz";echo\${IFS}"hi";#`,
  '$(id)',
  '`id`',
  "a'; id; '",
  'a\nid\n',
  '--upload-pack=id',
  '-oProxyCommand=id',
  '../../etc/passwd',
  '%s%n',
  '\\$(id)\\',
  '*',
  '~root',
  `$HOME \${PATH}`,
  '!!',
  '\u202Eid',
];

describe('a value from outside', () => {
  it('reaches commands as the one word, variable or input that it is', async () => {
    const job = await run(
      names,
      `local got = { args = {}, env = {}, stdin = {} }
       for index, value in ipairs(input.get("values")) do
         got.args[index] = process.run({ "printf", "%s", value, capture_stdout = true }).stdout
         got.env[index] = process.run({ "sh", "-c", 'printf %s "$V"', env = { V = value }, capture_stdout = true }).stdout
         got.stdin[index] = process.run({ "cat", stdin = value, capture_stdout = true }).stdout
       end
       for key, list in pairs(got) do output.set(key, list) end`,
    );
    expect(job.outcome).toMatchObject({ state: 'succeeded' });
    for (const key of ['args', 'env', 'stdin']) expect(job.outputs.get(key)).toEqual(names);
  });
});

const instructions = [
  '::set-env name=STOLEN::yes',
  '::set-output name=environment::yes',
  '::add-path::/tmp',
  '::add-mask::root',
  '::stop-commands::x',
  '##[set-output name=environment]yes',
  '##vso[task.setvariable variable=STOLEN]yes',
  '\u001b]0;title\u0007',
  '{"event":"stage","stage":"after","state":"succeeded"}',
];

describe('what a command prints', () => {
  it('is text of the log and does nothing', async () => {
    const job = await run(
      instructions,
      `for _, line in ipairs(input.get("values")) do
         process.run({ "sh", "-c", 'printf "%s\\n" "$V"; printf "%s\\n" "$V" >&2', env = { V = line } })
       end`,
    );
    expect(job.outcome.state).toBe('succeeded');
    const printed = job.lines.filter(({ stream }) => stream === 'stdout' || stream === 'stderr');
    const expected = instructions.flatMap((line) => [line, line]).sort();
    expect(printed.map(({ text }) => text).sort()).toEqual(expected);
    expect([...job.outputs.keys()]).toEqual(['environment']);
    expect(job.outputs.get('environment')).not.toContain('STOLEN');
    expect(job.stages).toEqual({ s: 'succeeded', after: 'succeeded' });
  });
});
