// Dates as strftime writes them.
import { describe, expect, it } from 'vitest';
import { formatDate } from './strftime.ts';

const date = new Date('2026-01-04T15:04:05Z');

describe('dates as strftime writes them', () => {
  it.each([
    ['%Y-%m-%d %H:%M:%S', '2026-01-04 15:04:05'],
    ['%c', 'Sun Jan  4 15:04:05 2026'],
    ['%a %A %b %B %p %I', 'Sun Sunday Jan January PM 03'],
    ['%j %U %W %w %u', '004 01 00 0 7'],
    ['%G-W%V', '2026-W01'],
    ['%D %F %T %R', '01/04/26 2026-01-04 15:04:05 15:04'],
    ['%s %z %Z 100%%', '1767539045 +0000 UTC 100%'],
  ])('%s', (format, text) => {
    expect(formatDate(format, date, 'os.date')).toBe(text);
  });

  it('counts the weeks at the turn of a year as ISO 8601 does', () => {
    expect(formatDate('%G-W%V', new Date('2027-01-01T00:00:00Z'), 'os.date')).toBe('2026-W53');
  });

  it.each(['%Q', '%', '%Ex'])('refuses %s', (format) => {
    expect(() => formatDate(format, date, 'os.date')).toThrow(
      expect.objectContaining({ code: 'RIVET_CALL_ARGUMENT' }),
    );
  });
});
