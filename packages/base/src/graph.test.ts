// Cycles: found when there are some, whatever the graph looks like.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findCycle } from './graph.ts';

const graph = (needs: Record<string, string[]>): Map<string, string[]> =>
  new Map(Object.entries(needs));

describe('findCycle', () => {
  it('finds none where every need comes before', () => {
    expect(findCycle(graph({ a: [], b: ['a'], c: ['a', 'b'] }))).toBeUndefined();
  });

  it('names the cycle from its first node back to it', () => {
    expect(findCycle(graph({ x: ['a'], a: ['b'], b: ['c'], c: ['a'] }))).toEqual([
      'a',
      'b',
      'c',
      'a',
    ]);
  });

  it('sees a node that needs itself', () => {
    expect(findCycle(graph({ a: ['a'] }))).toEqual(['a', 'a']);
  });

  it('takes a chain of 100,000 nodes', () => {
    const needs = new Map<string, string[]>([['0', []]]);
    for (let node = 1; node < 100_000; node += 1) needs.set(String(node), [String(node - 1)]);
    expect(findCycle(needs)).toBeUndefined();
    needs.set('0', ['99999']);
    expect(findCycle(needs)).toHaveLength(100_001);
  });

  it('answers with a real cycle, or the graph has an order', () => {
    const name = fc.integer({ min: 0, max: 7 }).map(String);
    fc.assert(
      fc.property(
        fc.array(fc.array(name, { maxLength: 3 }), { minLength: 8, maxLength: 8 }),
        (rows) => {
          const needs = new Map(rows.map((row, index) => [String(index), row]));
          const cycle = findCycle(needs);
          if (cycle !== undefined) {
            cycle.slice(1).forEach((to, index) => {
              expect(needs.get(cycle[index] ?? '')).toContain(to);
            });
            expect(cycle[0]).toBe(cycle.at(-1));
            return;
          }
          const left = new Map(needs);
          for (let round = 0; round < 8; round += 1) {
            for (const [node, list] of left)
              if (!list.some((need) => left.has(need))) left.delete(node);
          }
          expect(left.size).toBe(0);
        },
      ),
    );
  });
});
