// The difference of two definitions, as sentences.
import type { PipelineDefinition } from '@rivet/protocol';
import { expect, test } from 'vitest';
import { diffDefinitions } from './diff-definitions.ts';

const stage = {
  needs: null,
  container: null,
  has_condition: false,
  timeout_ms: null,
  retry_max: 0,
  allow_failure: false,
  readonly: false,
  always: false,
};
const before: PipelineDefinition = {
  name: 'build',
  description: '',
  inputs: [{ name: 'branch', type: 'string', required: true, secret: false, has_validate: false }],
  runner: [{ key: 'os', value: 'linux' }],
  plugins: [],
  secrets: ['A'],
  env: { CI: 'true' },
  timeout_ms: null,
  retry: null,
  policy: {},
  stages: [
    { ...stage, name: 'build' },
    { ...stage, name: 'test' },
  ],
};

test('the same definition with its keys in another order has no differences', () => {
  const shuffled = Object.fromEntries(Object.entries(before).reverse()) as PipelineDefinition;
  expect(diffDefinitions(before, shuffled)).toEqual([]);
  expect(diffDefinitions(before, JSON.parse(JSON.stringify(before)))).toEqual([]);
});

test('each difference is a sentence with both values', () => {
  const now: PipelineDefinition = {
    ...before,
    timeout_ms: 60_000,
    secrets: ['A', 'B'],
    env: { PATH: '/x' },
    inputs: [{ ...before.inputs[0]!, default: 'main', required: false }],
    stages: [
      { ...stage, name: 'test', retry_max: 2 },
      { ...stage, name: 'lint' },
    ],
  };
  expect(diffDefinitions(before, now)).toEqual([
    'inputs["branch"].required was true and is now false',
    'inputs["branch"].default is new: "main"',
    'secrets was ["A"] and is now ["A", "B"]',
    'env.CI is gone; it was "true"',
    'env.PATH is new: "/x"',
    'timeout_ms was not set and is now 60000',
    'stages: "build" is gone',
    'stages["test"].retry_max was 0 and is now 2',
    'stages: "lint" is new',
  ]);
});

test('another order is told as one', () => {
  const now = { ...before, stages: [...before.stages].reverse() };
  expect(diffDefinitions(before, now)).toEqual([
    'stages were in the order build, test and are now test, build',
  ]);
});

test('a thousand differences are cut short', () => {
  const env = Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`V${index}`, 'x']));
  const differences = diffDefinitions(before, { ...before, env });
  expect(differences).toHaveLength(51);
  expect(differences.at(-1)).toBe('951 more differences are not listed');
});
