// Pipelines over HTTP with real Lua: versions, refusals, and the inputs of a launch.
import { randomUUID } from 'node:crypto';
import type { PipelineBundle } from '@rivet/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { useTestOrchestrator } from '../test-orchestrator.ts';

const server = useTestOrchestrator();

afterAll(() => server.orchestrator.stop());

const bundle = (source: string): PipelineBundle => ({
  main: 'pipeline.lua',
  files: { 'pipeline.lua': source },
});

function source(name: string, description = 'first'): string {
  return `return pipeline.define({
    name = "${name}",
    description = "${description}",
    inputs = {
      level = { type = "string", options = { "debug", "release" } },
      jobs = { type = "number", default = 4, min = 1, max = 64, integer = true },
      version = { type = "string", required = false,
        validate = function(v) return v:match("^%d+%.%d+$") ~= nil, "want X.Y" end },
      token = { type = "string", secret = true, required = false },
    },
    stages = { { name = "build", script = function() process.sh("true") end } },
  })`;
}

const create = (text: string) => server.client.createPipeline({ body: { bundle: bundle(text) } });
const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => 'no error',
    (error: unknown) => error,
  );

describe('a pipeline', () => {
  test('gets a version for each change, and none for the same files', async () => {
    const name = `p-${randomUUID()}`;
    expect(await create(source(name))).toMatchObject({ name, version: 1, changed: true });
    expect(await create(source(name))).toMatchObject({ version: 1, changed: false });
    expect(await create(source(name, 'new'))).toMatchObject({ version: 2, description: 'new' });
    const back = await server.client.rollbackPipeline({ ref: name, body: { version: 1 } });
    expect(back).toMatchObject({ version: 3, description: 'first', changed: true });
    const { items } = await server.client.listPipelineVersions({ ref: name });
    expect(items.map(({ version, current }) => [version, current])).toEqual([
      [3, true],
      [2, false],
      [1, false],
    ]);
    expect(items[0]?.digest).toBe(items[2]?.digest);
    const shown = await server.client.getPipeline({ ref: name });
    expect(shown.definition.inputs.map((input) => input.name)).toEqual([
      'level',
      'jobs',
      'version',
      'token',
    ]);
    await expect(
      server.client.rollbackPipeline({ ref: name, body: { version: 9 } }),
    ).rejects.toMatchObject({ code: 'RIVET_PIPELINE_VERSION_NOT_FOUND', entry: { exit: 4 } });
  });

  test('created ten times at once is one pipeline with one version', async () => {
    const name = `p-${randomUUID()}`;
    const made = await Promise.all(Array.from({ length: 10 }, () => create(source(name))));
    expect(new Set(made.map(({ id }) => id)).size).toBe(1);
    expect(made.filter(({ changed }) => changed)).toHaveLength(1);
  });

  test('with mistakes is refused with all of them, and nothing is stored', async () => {
    const text = `return pipeline.define({
      name = "wrong-${randomUUID()}",
      stagse = {},
      inputs = { a = { type = "strnig" } },
      stages = {
        { name = "a", script = 5 },
        { name = "a", needs = { "b" }, script = function() end },
      },
    })`;
    const { items: before } = await server.client.listPipelines({ query: { limit: 500 } });
    const error = await failure(create(text));
    expect(error).toMatchObject({ code: 'RIVET_PIPELINE_INVALID' });
    const { issues: errors } = (error as { details: { issues: { path: string; line?: number }[] } })
      .details;
    expect(errors.length).toBeGreaterThanOrEqual(4);
    const checked = await server.client.checkPipeline({ body: { bundle: bundle(text) } });
    expect(checked).toMatchObject({ valid: false, definition: null });
    expect(checked.issues).toEqual(errors);
    const { items } = await server.client.listPipelines({ query: { limit: 500 } });
    expect(items).toHaveLength(before.length);
  });

  test('that never ends is stopped, and the server answers meanwhile', async () => {
    const endless = failure(create('while true do end'));
    let ended = false;
    void endless.then(() => {
      ended = true;
    });
    expect(await server.client.getHealth()).toMatchObject({ status: 'ok' });
    expect(ended).toBe(false);
    expect(await endless).toMatchObject({ code: 'RIVET_PIPELINE_INVALID' });
  });

  test('that is no Lua is refused with its line', async () => {
    const checked = await server.client.checkPipeline({
      body: { bundle: bundle('return {\n  a = = 1\n}') },
    });
    expect(checked.issues).toMatchObject([{ file: 'pipeline.lua', line: 2 }]);
  });
});

describe('a launch', () => {
  const name = `launch-${randomUUID()}`;
  beforeAll(() => create(source(name)));

  test('fills in defaults, keeps types and masks secrets', async () => {
    const inputs = { level: 'debug', token: 'hunter2' };
    const { id } = await server.client.launchPipeline({ ref: name, body: { inputs } });
    const { inputs: shown } = await server.client.getJob({ id });
    expect(shown).toEqual({ level: 'debug', jobs: 4, token: '***' });
  });

  test.each([
    [{}, 'level'],
    [{ level: 'other' }, 'level'],
    [{ level: 'debug', jobs: 65 }, 'jobs'],
    [{ level: 'debug', jobs: '4' }, 'jobs'],
    [{ level: 'debug', version: 'one' }, 'version'],
    [{ level: 'debug', jbos: 4 }, 'jbos'],
  ])('with the inputs %j is refused and names %s', async (inputs, path) => {
    const error = await failure(server.client.launchPipeline({ ref: name, body: { inputs } }));
    expect(error).toMatchObject({ code: 'RIVET_LAUNCH_INPUTS_INVALID', entry: { status: 400 } });
    expect(JSON.stringify((error as { details: unknown }).details)).toContain(`inputs.${path}`);
  });
});
