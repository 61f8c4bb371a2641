// Lines and changes of two connections in the order in which they happened.
import type { LogLine, StageChange } from '@rivet/protocol';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type CourseMerger, createCourseMerger } from './course-merger.ts';

let shown: string[];
let merger: CourseMerger;
beforeEach(() => {
  vi.useFakeTimers();
  shown = [];
  const progress = {
    line: (line: LogLine) => void shown.push(`line ${line.n}`),
    stage: (change: StageChange) => void shown.push(`${change.stage} ${change.state}`),
  };
  merger = createCourseMerger(progress, () => Date.now());
});
afterEach(() => vi.useRealTimers());

const at = (ms: number): string => new Date(ms).toISOString();
const line = (n: number, ms: number, stage = 'build'): void =>
  merger.line({ n, t: at(ms), stage, level: 'info', stream: 'log', text: '' });
const changes = (logLines: number, ...found: [string, StageChange['state'], number][]): void =>
  merger.changes(
    { log_lines: logLines },
    found.map(([stage, state, ms]) => ({ stage, state, t: at(ms), run: 1 })),
  );

const course = ['build running', 'line 1', 'line 2', 'build succeeded', 'test running', 'line 3'];

describe('createCourseMerger', () => {
  it('puts changes that came first among their lines', () => {
    changes(3, ['build', 'running', 100], ['build', 'succeeded', 300], ['test', 'running', 300]);
    line(1, 100);
    line(2, 200);
    line(3, 400, 'test');
    expect(shown).toEqual(course);
  });

  it('holds lines that came first until their stage is known to run', () => {
    line(1, 100);
    line(2, 200);
    line(3, 400, 'test');
    expect(shown).toEqual([]);
    changes(3, ['build', 'running', 100], ['build', 'succeeded', 300], ['test', 'running', 300]);
    expect(shown).toEqual(course);
  });

  it('shows lines of a running stage and of the job at once', () => {
    line(1, 50, '');
    changes(1, ['build', 'running', 100]);
    line(2, 150);
    expect(shown).toEqual(['line 1', 'build running', 'line 2']);
  });

  it('waits no longer than half a second for the other connection', () => {
    line(1, 100);
    vi.advanceTimersByTime(700);
    expect(shown).toEqual(['line 1']);
    changes(9, ['build', 'succeeded', 300]);
    expect(shown).toEqual(['line 1']);
    vi.advanceTimersByTime(700);
    expect(shown).toEqual(['line 1', 'build succeeded']);
  });

  it('shows everything when it is flushed, and has no timer left', () => {
    line(1, 100);
    changes(9, ['other', 'running', 50]);
    merger.flush();
    expect(shown).toEqual(['other running', 'line 1']);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('counts lines anew after a reset', () => {
    changes(1, ['build', 'running', 100]);
    line(1, 100);
    merger.reset();
    changes(1, ['build', 'running', 500]);
    line(1, 600);
    expect(shown).toEqual(['build running', 'line 1', 'build running', 'line 1']);
  });
});
