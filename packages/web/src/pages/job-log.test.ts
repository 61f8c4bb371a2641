// How much of a log one fetch brings, and what asks for the rest.
import type { LogLine, LogPage } from '@rivet/protocol';
import { describe, expect, it } from 'vitest';
import { firstLines, logFollower, logLines } from './job-log.ts';

const line = (n: number, text: string): LogLine => ({
  n,
  t: '2026-01-01T00:00:00.000Z',
  stage: 'build',
  level: 'info',
  stream: 'stdout',
  text,
});

function pageOf(texts: readonly string[], changes: Partial<LogPage> = {}): LogPage {
  const lines = texts.map((text, index) => line(index + 1, text));
  return { attempt: 1, lines, last: lines.length, complete: true, ...changes };
}

describe('the lines of one fetch', () => {
  it('are all of them when they are short', () => {
    const page = pageOf(['a', 'b']);
    expect(firstLines(page)).toBe(page);
  });

  it('are fewer when they are long, and it is known that there are more', () => {
    const page = firstLines(pageOf(Array(100).fill('x'.repeat(65_536))));
    expect(page.lines).toHaveLength(8);
    expect(page).toMatchObject({ last: 8, complete: false });
    expect(String(logLines(page.lines)).length).toBeLessThan(100_000);
  });

  it('are one at least, however long it is', () => {
    const page = firstLines(pageOf(['x'.repeat(10_000_000), 'y']));
    expect(page).toMatchObject({ last: 1, complete: false });
    expect(String(logLines(page.lines)).length).toBeLessThan(20_000);
  });
});

describe('what stands below the lines', () => {
  const follower = (page: LogPage, more = false): string =>
    String(logFollower('0190a0a0-0000-7000-8000-000000000000', page, more));

  it('asks for what comes after the last line, at once when there is more already', () => {
    const page = pageOf(['a'], { complete: false, attempt: 2, last: 7 });
    const path = '/jobs/0190a0a0-0000-7000-8000-000000000000/log?attempt=2&after=7';
    expect(follower(page)).toContain(`hx-get="${path}"`);
    expect(follower(page)).toContain('hx-trigger="every 2s"');
    expect(follower(page, true)).toContain('hx-trigger="load, every 4s"');
  });

  it('asks for nothing after the end, and not for more than a browser can show', () => {
    expect(follower(pageOf(['a']))).not.toContain('hx-get');
    expect(follower(pageOf([]))).toContain('Nothing was printed.');
    const long = follower(pageOf(['a'], { complete: false, last: 20_000 }), true);
    expect(long).not.toContain('hx-get');
    expect(long).toContain('the raw log');
  });
});
