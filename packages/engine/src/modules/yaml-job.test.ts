// The module `yaml` in a job: one null with `json`, errors of a script, no process left behind.
import { readFileSync } from 'node:fs';
import { createFakeDriver } from '@rivet/containers';
import { createLuaEngine } from '@rivet/lua';
import { childProcesses } from '@rivet/testing';
import { afterAll, expect, it } from 'vitest';
import { recordJob } from '../testing/job-recorder.ts';

const lua = createLuaEngine();
afterAll(() => lua.close());

async function run(body: string) {
  const source = `return pipeline.define({ name = "t", stages = { { name = "s", script = function()
    ${body}
  end } } })`;
  const bundle = { main: 'pipeline.lua', files: { 'pipeline.lua': source } };
  return await recordJob({ driver: createFakeDriver(), lua, bundle });
}

/** Processes that this one has started and that work on YAML. */
function yamlProcesses(): number[] {
  return childProcesses().filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('yaml-main.ts');
    } catch {
      return false;
    }
  });
}

it('null is that of json, both ways', async () => {
  const job = await run(`
    local value = yaml.decode("a: ~\\nb: [null, 1]")
    assert(value.a == json.null and value.b[1] == json.null)
    output.set("yaml", yaml.encode(json.decode('{"a": null, "b": [1.5, "yes"]}'), { pretty = false }))
    output.set("all", yaml.decode_all("--- 1\\n--- x"))
    local ok, message = pcall(yaml.decode, "a: b: c")
    output.set("message", tostring(message))
  `);
  expect(job.outcome).toEqual({ state: 'succeeded' });
  expect(Object.fromEntries(job.outputs)).toEqual({
    yaml: '{ "a": null, "b": [1.5, "yes"] }\n',
    all: [1, 'x'],
    message: expect.stringMatching(/^pipeline\.lua:7: yaml\.decode: nested .* at line 1, column 4/),
  });
});

it('a job that ends takes its YAML process along, also when it is working', async () => {
  const job = await run('yaml.decode("a: 1") error("over")');
  expect(job.outcome.message).toContain('over');
  expect(yamlProcesses()).toEqual([]);
  const busy = await run(`
    local text = ("- { name: item, tags: [a, b] }\\n"):rep(30000)
    process.parallel({ 1, 2 }, function(item)
      if item == 1 then yaml.decode(text) end
      error("over")
    end)
  `);
  expect(busy.outcome.message).toContain('over');
  expect(yamlProcesses()).toEqual([]);
});
