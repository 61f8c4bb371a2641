// A folder of scenarios/: a pipeline and what must come of it, through a whole installation.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Client, LogLine } from '@rivet/protocol';
import { expect } from 'vitest';
import { allJobs, allLines, createPipeline, numberingFault, waitForEnd } from './jobs.ts';

interface Refusal {
  readonly code: string;
  /** Paths of the issues that must be among those told. */
  readonly paths: readonly string[];
}

interface Scenario {
  readonly inputs?: Record<string, string | number | boolean | (string | number | boolean)[]>;
  readonly expect: {
    readonly state?: string;
    readonly reason?: string;
    readonly stages?: Readonly<Record<string, string>>;
    readonly outputs?: Readonly<Record<string, unknown>>;
    /** Texts that lines of the log must contain. */
    readonly log?: readonly string[];
    readonly not_in_log?: readonly string[];
    /** Lines that begin with the key must be it and 1, 2, 3, … to the value. */
    readonly sequences?: Readonly<Record<string, number>>;
    readonly create_refused?: Refusal;
    readonly launch_refused?: Refusal;
  };
}

const folder = join(import.meta.dirname, 'scenarios');

/** Names of the folders, in their order. */
export const scenarioNames = readdirSync(folder).sort();

/** What the runners of an installation for scenarios are set to. */
export const scenarioRunnerEnv = { RIVET_LUA_CPU: '1s' };

/** Creates the pipeline, launches it and holds what comes of it against the scenario. */
export async function runScenario(client: Client, name: string): Promise<void> {
  const source = readFileSync(join(folder, name, 'pipeline.lua'), 'utf8');
  const scenario = JSON.parse(
    readFileSync(join(folder, name, 'scenario.json'), 'utf8'),
  ) as Scenario;
  const { create_refused, launch_refused } = scenario.expect;

  if (create_refused !== undefined) {
    await expectRefusal(createPipeline(client, source), create_refused);
    return;
  }
  const ref = await createPipeline(client, source);
  const launched = client.launchPipeline({ ref, body: { inputs: scenario.inputs ?? {} } });
  if (launch_refused !== undefined) {
    await expectRefusal(launched, launch_refused);
    expect((await allJobs(client)).filter((job) => job.pipeline === ref)).toEqual([]);
    return;
  }
  await expectEnd(client, (await launched).id, scenario.expect);
}

async function expectEnd(client: Client, id: string, expected: Scenario['expect']): Promise<void> {
  const job = await waitForEnd(client, id);
  const lines = await allLines(client, id);
  const context = `${job.message ?? ''}\n${lines.slice(-30).map(textOf).join('\n')}`;
  expect(job.state, context).toBe(expected.state);
  if (expected.reason !== undefined) expect(job.reason, context).toBe(expected.reason);
  const stages = Object.fromEntries(job.stages.map((stage) => [stage.name, stage.state]));
  expect(stages, context).toEqual(expected.stages);
  if (expected.outputs !== undefined) expect(job.outputs).toEqual(expected.outputs);
  expect(numberingFault(lines)).toBeUndefined();
  expect(lines).toHaveLength(job.log_lines);
  const text = lines.map(textOf).join('\n');
  for (const part of expected.log ?? []) expect(text).toContain(part);
  for (const part of expected.not_in_log ?? []) expect(text).not.toContain(part);
  for (const [prefix, count] of Object.entries(expected.sequences ?? {})) {
    expect(lines.map(textOf).filter((line) => line.startsWith(prefix))).toEqual(
      Array.from({ length: count }, (_, index) => `${prefix}${index + 1}`),
    );
  }
}

async function expectRefusal(call: Promise<unknown>, expected: Refusal): Promise<void> {
  const error = (await call.then(
    () => new Error('it was accepted'),
    (thrown: unknown) => thrown,
  )) as Error & { code?: string; details?: { issues?: { path: string }[] } };
  expect(error.code, error.message).toBe(expected.code);
  const paths = (error.details?.issues ?? []).map((issue) => issue.path);
  expect(paths).toEqual(expect.arrayContaining([...expected.paths]));
}

function textOf(line: LogLine): string {
  return line.text;
}
