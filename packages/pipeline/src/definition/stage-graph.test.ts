// The order of stages: what each waits for, and the cycle that forbids one.
import { expect, test } from 'vitest';
import { stageDependencies } from './stage-graph.ts';

function dependencies(...stages: [name: string, needs?: string[]][]): Record<string, unknown> {
  const definition = { stages: stages.map(([name, needs]) => ({ name, needs: needs ?? null })) };
  return Object.fromEntries(
    stageDependencies(definition as Parameters<typeof stageDependencies>[0]),
  );
}

test('stages without needs run one after the other', () => {
  expect(dependencies(['a'], ['b'], ['c'])).toEqual({ a: [], b: ['a'], c: ['b'] });
});

test('a stage with needs waits for those alone', () => {
  expect(dependencies(['a'], ['b'], ['c', ['a']])).toMatchObject({ c: ['a'] });
  expect(dependencies(['a'], ['b', []])).toMatchObject({ b: [] });
});

test('a stage with needs does not change what the others wait for', () => {
  const graph = dependencies(['a'], ['b'], ['c', ['a']], ['d'], ['e']);
  expect(graph).toEqual({ a: [], b: ['a'], c: ['a'], d: ['b', 'c'], e: ['d'] });
});

test('a stage after nothing but stages with needs waits for all of them', () => {
  expect(dependencies(['a', []], ['b', []], ['c'])).toMatchObject({ c: ['a', 'b'] });
});
