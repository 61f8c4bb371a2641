// From snapshots and events of the server to a progress.
import type { Client, JobDetail, LogLine } from '@rivet/protocol';
import { describe, expect, it } from 'vitest';
import { createStageTracker, followJob } from './follow.ts';
import type { Progress } from './progress/progress.ts';

const job = (more: Partial<JobDetail> = {}): JobDetail => ({
  id: '0195aaaa-0000-7000-8000-000000000000',
  pipeline: 'build',
  version: 1,
  state: 'running',
  reason: null,
  message: null,
  attempt: 1,
  runner: 'r1',
  launched_by: 'ada',
  event: 'manual',
  priority: 0,
  cancel_requested: false,
  created_at: '2026-01-01T00:00:00.000Z',
  started_at: '2026-01-01T00:00:01.000Z',
  finished_at: null,
  inputs: {},
  tags: [],
  stages: [],
  outputs: {},
  summary: null,
  log_lines: 0,
  ...more,
});
const stage = (
  name: string,
  state: JobDetail['stages'][number]['state'],
  more: Partial<JobDetail['stages'][number]> = {},
): JobDetail['stages'][number] => ({
  name,
  position: 0,
  state,
  reason: null,
  code: null,
  run: 1,
  unchecked_exits: 0,
  started_at: '2026-01-01T00:00:01.000Z',
  finished_at: state === 'running' ? null : '2026-01-01T00:00:03.000Z',
  ...more,
});

const record = () => {
  const seen: string[] = [];
  const progress: Progress = {
    line: (line) => seen.push(`line ${line.text}`),
    stage: (change) => seen.push(`${change.stage} ${change.state} ${change.t.slice(17, 19)}`),
    remark: (text) => seen.push(text.replace(/[0-9a-f-]{36}/, 'ID')),
    end: (end) => seen.push(`end ${end.state} ${end.durationMs} ${JSON.stringify(end.outputs)}`),
    stop: () => undefined,
  };
  return { seen, progress };
};

describe('createStageTracker', () => {
  const told = (...jobs: JobDetail[]): string[] => {
    const changesOf = createStageTracker();
    return jobs
      .flatMap((snapshot) => changesOf(snapshot))
      .map((change) => `${change.stage} ${change.state} ${change.t.slice(17, 19)}`);
  };

  it('tells each change once', () => {
    const first = job({ stages: [stage('build', 'running'), stage('test', 'pending')] });
    const second = job({ stages: [stage('build', 'succeeded'), stage('test', 'running')] });
    expect(told(job({ state: 'queued' }), first, first, second)).toEqual([
      'build running 01',
      'build succeeded 03',
      'test running 01',
    ]);
  });

  it('gives a stage that came and went between two snapshots its start', () => {
    const ended = job({ stages: [stage('build', 'failed')] });
    expect(told(ended)).toEqual(['build running 01', 'build failed 03']);
  });

  it('begins anew with another attempt', () => {
    const running = [stage('build', 'running')];
    expect(told(job({ stages: running }), job({ attempt: 2, stages: running }))).toEqual([
      'build running 01',
      'build running 01',
    ]);
  });
});

describe('followJob', () => {
  const logLine: LogLine = {
    n: 1,
    t: '2026-01-01T00:00:01.000Z',
    stage: 'build',
    level: 'info',
    stream: 'stdout',
    text: 'hello',
  };
  const ended = job({
    state: 'succeeded',
    finished_at: '2026-01-01T00:00:05.000Z',
    outputs: { a: 1 },
    stages: [stage('build', 'succeeded')],
  });

  it('shows lines and stages, then the summary', async () => {
    const { seen, progress } = record();
    const client = {
      async *streamJobLogs() {
        yield { event: 'line', id: '1:1', data: logLine };
        yield { event: 'end', id: undefined, data: ended };
      },
      async *streamJobEvents() {
        yield { event: 'job', id: undefined, data: ended };
        yield { event: 'end', id: undefined, data: ended };
      },
      getJob: async () => ended,
    } as unknown as Client;
    const signal = new AbortController().signal;
    const result = await followJob({ client, id: ended.id, progress, signal });
    expect(result.state).toBe('succeeded');
    expect(seen).toContain('line hello');
    expect(seen).toContain('build succeeded 03');
    expect(seen.at(-1)).toBe('end succeeded 4000 {"a":1}');
  });

  it('ends the other stream when one fails', async () => {
    const { progress } = record();
    let stopped = false;
    const client = {
      // biome-ignore lint/correctness/useYield: a stream that fails at once
      async *streamJobLogs() {
        throw new Error('gone');
      },
      async *streamJobEvents({ signal }: { signal: AbortSignal }) {
        yield { event: 'job', id: undefined, data: job() };
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        stopped = true;
      },
    } as unknown as Client;
    const signal = new AbortController().signal;
    await expect(followJob({ client, id: 'x', progress, signal })).rejects.toThrow('gone');
    await expect.poll(() => stopped).toBe(true);
  });
});
