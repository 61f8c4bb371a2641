// Diagram, code and database agree on which state may follow which.
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { uuidv7 } from '@rivet/base';
import { jobStates, jobTransitions, stageStates, stageTransitions } from '@rivet/protocol';
import { type Database, insertRunner, violatedConstraint } from '@rivet/store';
import { useTestDatabase } from '@rivet/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openTestDatabase, seedPipeline } from '../test-orchestrator.ts';

const testDatabase = useTestDatabase();
let database: Database;
let runnerId: string;
let pipelineId: string;

beforeAll(async () => {
  database = openTestDatabase(testDatabase.url);
  runnerId = uuidv7();
  await insertRunner(database, {
    id: runnerId,
    name: 'r',
    tokenHash: randomBytes(32),
    registeredWith: uuidv7(),
    fixedTags: [],
    tagKeys: [],
    pipelines: ['*'],
    tags: [],
    capacity: 1,
    version: '',
  });
  const name = await seedPipeline(database);
  const text = 'SELECT id FROM pipelines WHERE name = $1';
  const rows = await database.query<{ id: string }>(statement('pipeline_id', text), [name]);
  pipelineId = rows[0]?.id ?? '';
});

afterAll(() => database.close());

const statement = (name: string, text: string) => ({ name, text, repeatable: false });
type Transitions = Readonly<Record<string, readonly string[]>>;

/** The arrows between the states of a diagram of docs/architecture.md. */
async function documented(number: number): Promise<string[]> {
  const page = new URL('../../../../docs/architecture.md', import.meta.url);
  const diagrams = (await readFile(page, 'utf8')).split('```mermaid\nstateDiagram-v2\n').slice(1);
  const arrows = diagrams[number]?.split('```')[0]?.matchAll(/^\s*(\w+) --> (\w+)\s*$/gm) ?? [];
  return [...arrows].map(([, from, to]) => `${from} ${to}`).sort();
}

const inCode = (transitions: Transitions): string[] =>
  Object.entries(transitions)
    .flatMap(([from, tos]) => tos.map((to) => `${from} ${to}`))
    .sort();

/** The pairs of states that the database lets through, each tried. */
async function inDatabase(
  states: readonly string[],
  attempt: (from: string, to: string) => Promise<void>,
): Promise<string[]> {
  const allowed: string[] = [];
  for (const from of states) {
    for (const to of states.filter((state) => state !== from)) {
      try {
        await attempt(from, to);
        allowed.push(`${from} ${to}`);
      } catch (error) {
        expect(violatedConstraint(error), String(error)).toMatch(/_transition$/);
      }
    }
  }
  return allowed.sort();
}

async function insertJob(state: string): Promise<string> {
  const id = uuidv7();
  const final = !['queued', 'running'].includes(state);
  await database.query(
    statement(
      'insert_any_job',
      `INSERT INTO jobs (id, pipeline_id, version, pipeline_name, inputs, launched_by, tags,
         event, priority, state, reason, attempt, runner_id, started_at, finished_at)
       VALUES ($1, $2, 1, 'p', '{}', '', '[]', 'api', 0, $3, $4, 1, $5, now(), $6)`,
    ),
    [
      id,
      pipelineId,
      state,
      state === 'failed' ? 'timeout' : null,
      state === 'queued' ? null : runnerId,
      final ? new Date() : null,
    ],
  );
  return id;
}

test('diagram, code and database agree on how a job may go', async () => {
  const code = inCode(jobTransitions);
  expect(await documented(0)).toEqual(code);
  const allowed = await inDatabase(jobStates, async (from, to) => {
    const id = await insertJob(from);
    const final = !['queued', 'running'].includes(to);
    await database.query(
      statement(
        'change_any_job',
        `UPDATE jobs SET state = $2, reason = $3, runner_id = $4, finished_at = $5 WHERE id = $1`,
      ),
      [
        id,
        to,
        to === 'failed' ? 'timeout' : null,
        to === 'queued' ? null : runnerId,
        final ? new Date() : null,
      ],
    );
  });
  expect(allowed).toEqual(code);
});

test('diagram, code and database agree on how a stage may go', async () => {
  const code = inCode(stageTransitions);
  expect(await documented(1)).toEqual(code);
  const jobId = await insertJob('running');
  const allowed = await inDatabase(stageStates, async (from, to) => {
    const name = uuidv7();
    const insert = `INSERT INTO job_stages (job_id, attempt, name, state, run)
      VALUES ($1, 1, $2, $3, 1)`;
    await database.query(statement('insert_any_stage', insert), [jobId, name, from]);
    const update = 'UPDATE job_stages SET state = $2 WHERE name = $1';
    await database.query(statement('change_any_stage', update), [name, to]);
  });
  expect(allowed).toEqual(code);
});

test('what was launched cannot be changed', async () => {
  const id = await insertJob('queued');
  for (const change of [
    `inputs = '{"a":1}'`,
    `launched_by = 'x'`,
    `tags = '[1]'`,
    'priority = 9',
  ]) {
    const text = `UPDATE jobs SET ${change} WHERE id = $1`;
    const error = await database
      .query(statement(`change ${change}`, text), [id])
      .catch((reason: unknown) => reason);
    expect(violatedConstraint(error)).toBe('jobs_immutable');
  }
});
