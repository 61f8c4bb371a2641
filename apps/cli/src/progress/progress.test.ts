// How a job's course looks in a pipe, at a terminal and to a program.
import type { LogLine, StageChange } from '@rivet/protocol';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { memoryOutput } from '../testing/memory-output.ts';
import { createProgress } from './create-progress.ts';
import { timeOfDay } from './format.ts';
import { fit } from './live-progress.ts';
import type { JobEnd } from './progress.ts';

const T = '2026-01-02T12:00:01.000Z';
const line = (text: string, more: Partial<LogLine> = {}): LogLine => ({
  n: 1,
  t: T,
  stage: 'build',
  level: 'info',
  stream: 'stdout',
  text,
  ...more,
});
const stage = (state: StageChange['state'], more: Partial<StageChange> = {}): StageChange => ({
  stage: 'build',
  state,
  t: T,
  run: 1,
  ...more,
});
const end: JobEnd = { state: 'succeeded', durationMs: 4200, outputs: {}, summary: null };

beforeEach(() => {
  vi.stubEnv('TZ', 'UTC');
  vi.useFakeTimers();
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.useRealTimers();
});

describe('in a pipe', () => {
  const plain = () => {
    const memory = memoryOutput();
    const progress = createProgress(memory.output, ['build', 'unit-tests'], { json: false });
    return { progress, lines: () => memory.stdout().split('\n').slice(0, -1) };
  };

  it('prints time, stage and text, aligned', () => {
    const { progress, lines } = plain();
    progress.line(line('cc -c main.c'));
    progress.line(line('ok', { stage: 'unit-tests' }));
    progress.line(line('about the job', { stage: '', stream: 'system' }));
    expect(lines()).toEqual([
      '12:00:01 build      | cc -c main.c',
      '12:00:01 unit-tests | ok',
      '12:00:01 job        | about the job',
    ]);
  });

  it('prints the changes of a stage with times and reasons', () => {
    const { progress, lines } = plain();
    progress.stage(stage('pending'));
    progress.stage(stage('running'));
    progress.stage(stage('failed', { t: '2026-01-02T12:00:05.200Z', reason: 'exit code 1' }));
    progress.stage(stage('running', { run: 2 }));
    expect(lines()).toEqual([
      '12:00:01 build      : running',
      '12:00:05 build      : failed after 4.2s: exit code 1',
      '12:00:01 build      : running (run 2)',
    ]);
  });

  it('indents sections below their names, each named once', () => {
    const { progress, lines } = plain();
    progress.line(line('before'));
    progress.line(line('one', { group: 'outer / inner' }));
    progress.line(line('two', { group: 'outer / inner' }));
    progress.line(line('three', { group: 'outer' }));
    progress.line(line('after'));
    expect(lines().map((text) => text.slice('12:00:01 build      | '.length))).toEqual([
      'before',
      '> outer',
      '  > inner',
      '    one',
      '    two',
      '  three',
      'after',
    ]);
  });

  it('names the level of what the script and Rivet say, not of commands', () => {
    const { progress, lines } = plain();
    progress.line(line('careful', { level: 'warning', stream: 'log' }));
    progress.line(line('on stderr', { level: 'error', stream: 'stderr' }));
    expect(lines()).toEqual([
      '12:00:01 build      | warning: careful',
      '12:00:01 build      | on stderr',
    ]);
  });

  it('never prints a control character or a colour', () => {
    const { progress, lines } = plain();
    progress.line(line('\u001b[31mred\u001b]0;title\u0007\r'));
    progress.stage(stage('running', { stage: 'x\u001b[2Jy' }));
    expect(lines().join('')).not.toMatch(/\p{Cc}/u);
  });

  it('ends with a summary of stages, failure, what to do and outputs', () => {
    const { progress, lines } = plain();
    progress.stage(stage('running'));
    progress.stage(stage('failed', { t: '2026-01-02T12:00:03.000Z', reason: 'exit code 2\nmore' }));
    progress.stage(stage('skipped', { stage: 'unit-tests', reason: 'build failed' }));
    progress.end({
      ...end,
      state: 'failed',
      reason: 'stage_failed',
      message: 'pipeline.lua:7: make failed\n  7 | process.sh("make")',
      code: 'RIVET_PROCESS_FAILED',
      outputs: { version: '1.2', list: [1] },
    });
    const text = lines().slice(3).join('\n');
    expect(text).toMatch(/^ {2}build {7}failed {5}2\.0s {4}exit code 2$/m);
    expect(text).toMatch(/^ {2}unit-tests {2}skipped {12}build failed$/m);
    expect(text).toMatch(/^Job failed after 4\.2s \(stage_failed\)$/m);
    expect(text).toMatch(/^ {2}pipeline\.lua:7: make failed$/m);
    expect(text).toMatch(/\(RIVET_PROCESS_FAILED\)$/m);
    expect(text).toMatch(/^ {2}version = 1\.2$/m);
    expect(text).toMatch(/^ {2}list = \[1\]$/m);
  });

  it('counts exit codes that nobody looked at', () => {
    const { progress, lines } = plain();
    progress.stage(stage('running'));
    progress.stage(stage('succeeded', { unchecked_exits: 2 }));
    progress.end(end);
    expect(lines().join('\n')).toMatch(/build .*2 commands failed and nobody looked/);
  });
});

describe('for programs', () => {
  it('prints one object for each event', () => {
    const memory = memoryOutput();
    const progress = createProgress(memory.output, [], { json: true });
    progress.line(line('a'));
    progress.stage(stage('running'));
    progress.remark('attempt 2 begins');
    progress.end({ ...end, outputs: { a: 1 } });
    const events = memory
      .stdout()
      .trim()
      .split('\n')
      .map((text) => JSON.parse(text));
    expect(events).toEqual([
      { type: 'line', ...line('a') },
      { type: 'stage', ...stage('running') },
      { type: 'remark', text: 'attempt 2 begins' },
      { type: 'end', state: 'succeeded', outputs: { a: 1 }, summary: null, duration_ms: 4200 },
    ]);
  });
});

describe('at a terminal', () => {
  const live = (columns = 60) => {
    const memory = memoryOutput({ terminal: true, columns });
    const progress = createProgress(memory.output, ['build', 'test'], { json: false });
    return { progress, screen: () => screenOf(memory.stdout()) };
  };

  it('keeps the log whole above a moving status', () => {
    const { progress, screen } = live();
    progress.stage(stage('running'));
    vi.advanceTimersByTime(1500);
    progress.line(line('one'));
    progress.line(line('two'));
    vi.advanceTimersByTime(100);
    const lines = screen();
    expect(lines.slice(0, 3)).toEqual([
      '12:00:01 build : running',
      '12:00:01 build | one',
      '12:00:01 build | two',
    ]);
    expect(lines[3]).toMatch(/^\S build {2}1\.6s$/);
    expect(lines[4]).toBe('  0 of 2 stages ended');
    expect(lines).toHaveLength(5);
    progress.stop();
  });

  it('takes the status away at the end', () => {
    const { progress, screen } = live();
    progress.stage(stage('running'));
    vi.advanceTimersByTime(300);
    progress.stage(stage('succeeded', { t: '2026-01-02T12:00:02.000Z' }));
    vi.advanceTimersByTime(300);
    progress.end(end);
    progress.stop();
    vi.advanceTimersByTime(1000);
    expect(screen()).toEqual([
      '12:00:01 build : running',
      '12:00:02 build : succeeded after 1.0s',
      '',
      '  build  succeeded  1.0s',
      '  test   pending',
      '',
      'Job succeeded in 4.2s',
    ]);
  });

  it('never lets a status line wrap', () => {
    const { progress, screen } = live(30);
    progress.stage(stage('running', { stage: '長い名前の段階'.repeat(5) }));
    vi.advanceTimersByTime(100);
    progress.stop();
    expect(screen().filter((text) => text !== '')).toHaveLength(1);
  });
});

describe('fit', () => {
  it('counts what may be wide as two columns', () => {
    expect(fit('abcdef', 3)).toBe('abc');
    expect(fit('日本語', 4)).toBe('日本');
    expect(fit('⠋ ab', 3)).toBe('⠋ a');
  });
});

describe('timeOfDay', () => {
  it('gives dashes for what is no time', () => {
    expect(timeOfDay('yesterday')).toBe('--:--:--');
  });
});

/**
 * What a terminal shows after these bytes: enough of one for cursor-up, erase-below and colours.
 */
function screenOf(bytes: string): string[] {
  const lines = [''];
  let row = 0;
  for (const [, up, erase, feed, text] of bytes.matchAll(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: a terminal is made of them
    /\u001b\[(\d+)A|(\u001b\[0J)|(\n)|\u001b\[[\d;]*m|\r|([^\u001b\n\r]+)/g,
  )) {
    if (up !== undefined) row -= Number(up);
    else if (erase !== undefined) lines.splice(row, lines.length, '');
    else if (feed !== undefined) {
      row += 1;
      lines[row] ??= '';
    } else if (text !== undefined) lines[row] = (lines[row] ?? '') + text;
  }
  const shown = lines.map((text) => text.trimEnd());
  return shown.at(-1) === '' ? shown.slice(0, -1) : shown;
}
