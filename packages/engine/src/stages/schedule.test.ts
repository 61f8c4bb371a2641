// When stages start, and which are left out.
import type { StageDefinition } from '@rivet/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { StageEnd } from './run-stage.ts';
import { scheduleStages } from './schedule.ts';

function stage(name: string, traits: Partial<StageDefinition> = {}): StageDefinition {
  return {
    name,
    needs: null,
    container: null,
    has_condition: false,
    timeout_ms: null,
    retry_max: 0,
    allow_failure: false,
    readonly: false,
    always: false,
    ...traits,
  };
}

const failure = { state: 'failed', error: new Error('x') } as unknown as StageEnd;

/** A schedule whose stages end when the test says so. */
function start(
  stages: StageDefinition[],
  dependencies: Record<string, string[]>,
  selected?: ReadonlySet<string>,
) {
  const events: string[] = [];
  const ends = new Map<string, (end: StageEnd) => void>();
  const halt = Promise.withResolvers<void>();
  let halted: { reason: string; canceled: boolean } | undefined;
  const done = scheduleStages({
    stages,
    dependencies: new Map(Object.entries(dependencies)),
    selected,
    run: ({ name }) => {
      events.push(`start ${name}`);
      return new Promise((resolve) => {
        ends.set(name, resolve);
      });
    },
    leaveOut: async ({ name }, state, reason) => {
      events.push(`${state} ${name}: ${reason}`);
    },
    halted: () => halted,
    halt: halt.promise,
  });
  const turn = () => new Promise(setImmediate);
  return {
    events,
    done,
    turn,
    async end(name: string, end: StageEnd = { state: 'succeeded' }) {
      ends.get(name)!(end);
      await turn();
    },
    async halt(reason: string, canceled = false) {
      halted = { reason, canceled };
      halt.resolve();
      await turn();
    },
  };
}

describe('the schedule of stages', () => {
  it('starts a stage when everything that it waits for has ended, and not before', async () => {
    const run = start([stage('a'), stage('b'), stage('c'), stage('d')], {
      a: [],
      b: [],
      c: ['a', 'b'],
      d: ['c'],
    });
    await run.turn();
    expect(run.events).toEqual(['start a', 'start b']);
    await run.end('b');
    expect(run.events).toHaveLength(2);
    await run.end('a');
    expect(run.events.slice(2)).toEqual(['start c']);
    await run.end('c');
    await run.end('d');
    await run.done;
    expect(run.events).toEqual(['start a', 'start b', 'start c', 'start d']);
  });

  it('goes on after a stage that was skipped', async () => {
    const run = start([stage('a'), stage('b')], { a: [], b: ['a'] });
    await run.turn();
    await run.end('a', { state: 'skipped' });
    await run.end('b');
    await run.done;
    expect(run.events).toEqual(['start a', 'start b']);
  });

  it('starts nothing but always stages after a failure, and lets running ones end', async () => {
    const stages = [stage('a'), stage('b'), stage('c'), stage('d', { always: true })];
    const run = start(stages, { a: [], b: [], c: ['a'], d: ['a', 'b', 'c'] });
    await run.turn();
    await run.halt('stage "a" failed');
    await run.end('a', failure);
    expect(run.events).toEqual(['start a', 'start b', 'skipped c: stage "a" failed']);
    await run.end('b');
    expect(run.events.at(-1)).toBe('start d');
    await run.end('d');
    await run.done;
  });

  it('starts an always stage only when nothing that it comes after is running any more', async () => {
    const stages = [stage('a'), stage('b'), stage('c', { always: true })];
    const run = start(stages, { a: [], b: ['a'], c: ['b'] });
    await run.turn();
    await run.halt('the job was canceled', true);
    expect(run.events).toEqual(['start a', 'canceled b: the job was canceled']);
    await run.end('a', failure);
    expect(run.events.at(-1)).toBe('start c');
    await run.end('c');
    await run.done;
  });

  it('cancels what did not begin as soon as the job is canceled', async () => {
    const run = start([stage('a'), stage('b'), stage('c')], { a: [], b: ['a'], c: ['b'] });
    await run.turn();
    await run.halt('the job was canceled', true);
    expect(run.events.slice(1)).toEqual([
      'canceled b: the job was canceled',
      'canceled c: the job was canceled',
    ]);
    await run.end('a', failure);
    await run.done;
  });

  it('leaves out what was not selected', async () => {
    const run = start(
      [stage('a'), stage('b'), stage('c')],
      { a: [], b: ['a'], c: ['b'] },
      new Set(['b']),
    );
    await run.turn();
    expect(run.events).toEqual([
      'skipped a: it was not selected',
      'start b',
      'skipped c: it was not selected',
    ]);
    await run.end('b');
    await run.done;
  });

  it('runs every stage of any graph once, each after what it needs', async () => {
    const graph = fc.array(fc.array(fc.nat(30), { maxLength: 4 }), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(graph, async (needs) => {
        const names = needs.map((_, index) => `s${index}`);
        // Only earlier stages are needed, so there is no cycle.
        const dependencies = new Map(
          needs.map((list, index) => [
            `s${index}`,
            list.filter(() => index > 0).map((need) => `s${need % Math.max(index, 1)}`),
          ]),
        );
        const order: string[] = [];
        await scheduleStages({
          stages: names.map((name) => stage(name)),
          dependencies,
          selected: undefined,
          run: async ({ name }) => {
            for (const need of dependencies.get(name)!) expect(order).toContain(need);
            await new Promise(setImmediate);
            order.push(name);
            return { state: 'succeeded' };
          },
          leaveOut: async () => {},
          halted: () => undefined,
          halt: new Promise(() => {}),
        });
        expect([...order].sort()).toEqual([...names].sort());
      }),
      { numRuns: 50 },
    );
  });
});
