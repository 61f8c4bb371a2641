// Runs every pipeline of examples/ with real containers and compares with its expected.json.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { uuidv7 } from '@rivet/base';
import { attemptLabels, createPodmanDriver } from '@rivet/containers';
import { createLuaEngine } from '@rivet/lua';
import { checkPipeline, createInputChecker, readBundle } from '@rivet/pipeline';
import type { InputValues } from '@rivet/protocol';
import { canLimit } from '@rivet/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { coreModules, globalAliases } from './modules/registry.ts';
import { recordJob } from './testing/job-recorder.ts';

interface Expected {
  readonly inputs?: InputValues;
  readonly state: string;
  readonly reason?: string;
  readonly code?: string;
  /** Part of the message. */
  readonly message?: string;
  readonly stages: Record<string, string>;
  readonly outputs?: Record<string, unknown>;
  /** Contents of files in /workspace. */
  readonly files?: Record<string, string>;
  /** Parts of log lines that must be there. */
  readonly log?: string[];
  /** What is in no line of the log, nor in the summary. */
  readonly hidden?: string[];
  readonly summary?: string;
  /** Whether it has limits, which not every machine can hold it to. */
  readonly limited?: boolean;
}

const directory = resolve(import.meta.dirname, '../../../examples');
const examples = readdirSync(directory).filter((name) =>
  existsSync(join(directory, name, 'pipeline.lua')),
);
const driver = createPodmanDriver();
const lua = createLuaEngine();
let hasLimits: boolean;

beforeAll(async () => {
  const place = await mkdtemp(join(tmpdir(), 'rivet-examples-'));
  const labels = { 'dev.rivet.test': uuidv7() };
  hasLimits = canLimit(await driver.check({ labels, directory: join(place, 'check') }));
  await driver.removeTree(place);
});

afterAll(async () => {
  await lua.close();
  await driver.close();
});

describe.concurrent('the example', () => {
  it.for(examples)('%s ends as its expected.json says', async (name, { skip }) => {
    const expected = JSON.parse(
      readFileSync(join(directory, name, 'expected.json'), 'utf8'),
    ) as Expected;
    skip(expected.limited === true && !hasLimits, 'this machine cannot hold it to its limits');
    const bundle = await readBundle(join(directory, name, 'pipeline.lua'));
    const evaluation = { modules: coreModules(), globals: globalAliases };
    const checked = await checkPipeline(lua, bundle, evaluation);
    if (!checked.ok) throw new Error(JSON.stringify(checked.issues, undefined, 2));
    const checker = createInputChecker(lua, bundle, checked.definition, evaluation);
    const inputs = await checker.check(expected.inputs ?? {});
    await checker.close();
    if (!inputs.ok) throw new Error(JSON.stringify(inputs.issues, undefined, 2));

    const job = await recordJob({
      driver,
      lua,
      bundle,
      inputs: inputs.values,
      spec: { definition: checked.definition },
      async inspect({ workspace }) {
        for (const [path, content] of Object.entries(expected.files ?? {})) {
          expect(await readFile(join(workspace, path), 'utf8')).toBe(content);
        }
      },
    });

    const log = job.lines.map((line) => line.text).join('\n');
    expect(job.outcome, log).toMatchObject({
      state: expected.state,
      ...(expected.reason === undefined ? {} : { reason: expected.reason }),
      ...(expected.code === undefined ? {} : { code: expected.code }),
      ...(expected.message === undefined
        ? {}
        : { message: expect.stringContaining(expected.message) }),
    });
    expect(job.stages).toEqual(expected.stages);
    expect(Object.fromEntries(job.outputs)).toEqual(expected.outputs ?? {});
    for (const text of expected.log ?? []) expect(log).toContain(text);
    for (const text of expected.hidden ?? []) expect(log + job.summary).not.toContain(text);
    expect(job.summary).toBe(expected.summary ?? '');
    expect(job.lines.map((line) => line.n)).toEqual(job.lines.map((_, index) => index + 1));
    expect(await driver.list(attemptLabels(job.id, 1, {}))).toEqual([]);
  });
});
