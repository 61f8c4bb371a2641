// Dates in the formats of strftime(3), in UTC and English.
import { wrongValue } from '../value-readers.ts';

const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];
const DAY_MS = 86_400_000;

const pad = (value: number, width = 2, fill = '0'): string => String(value).padStart(width, fill);
const day = (date: Date): string => DAYS[date.getUTCDay()] ?? '';
const month = (date: Date): string => MONTHS[date.getUTCMonth()] ?? '';
const hour12 = (date: Date): number => date.getUTCHours() % 12 || 12;
const dayOfYear = (date: Date): number =>
  Math.floor((date.getTime() - Date.UTC(date.getUTCFullYear(), 0, 1)) / DAY_MS);

const CONVERSIONS: Readonly<Record<string, string | ((date: Date) => string)>> = {
  a: (date) => day(date).slice(0, 3),
  A: day,
  b: (date) => month(date).slice(0, 3),
  B: month,
  c: '%a %b %e %H:%M:%S %Y',
  C: (date) => pad(Math.floor(date.getUTCFullYear() / 100)),
  d: (date) => pad(date.getUTCDate()),
  D: '%m/%d/%y',
  e: (date) => pad(date.getUTCDate(), 2, ' '),
  F: '%Y-%m-%d',
  G: (date) => String(isoWeek(date).year),
  g: (date) => pad(isoWeek(date).year % 100),
  h: '%b',
  H: (date) => pad(date.getUTCHours()),
  I: (date) => pad(hour12(date)),
  j: (date) => pad(dayOfYear(date) + 1, 3),
  m: (date) => pad(date.getUTCMonth() + 1),
  M: (date) => pad(date.getUTCMinutes()),
  n: () => '\n',
  p: (date) => (date.getUTCHours() < 12 ? 'AM' : 'PM'),
  r: '%I:%M:%S %p',
  R: '%H:%M',
  s: (date) => String(Math.floor(date.getTime() / 1000)),
  S: (date) => pad(date.getUTCSeconds()),
  t: () => '\t',
  T: '%H:%M:%S',
  u: (date) => String(date.getUTCDay() || 7),
  U: (date) => pad(Math.floor((dayOfYear(date) + 7 - date.getUTCDay()) / 7)),
  V: (date) => pad(isoWeek(date).week),
  w: (date) => String(date.getUTCDay()),
  W: (date) => pad(Math.floor((dayOfYear(date) + 7 - ((date.getUTCDay() + 6) % 7)) / 7)),
  x: '%m/%d/%y',
  X: '%H:%M:%S',
  y: (date) => pad(date.getUTCFullYear() % 100),
  Y: (date) => String(date.getUTCFullYear()),
  z: () => '+0000',
  Z: () => 'UTC',
  '%': () => '%',
};

/**
 * @param caller the function that is named when the format is wrong
 * @throws RIVET_CALL_ARGUMENT for a conversion that does not exist
 */
export function formatDate(format: string, date: Date, caller: string): string {
  return format.replaceAll(/%(.?)/gsu, (found, letter: string) => {
    const conversion = Object.hasOwn(CONVERSIONS, letter) ? CONVERSIONS[letter] : undefined;
    if (conversion === undefined) {
      const expected = 'a conversion of strftime, such as %Y-%m-%d';
      throw wrongValue(found, expected, { function: caller, path: 'format' });
    }
    return typeof conversion === 'string' ? formatDate(conversion, date, caller) : conversion(date);
  });
}

/** Week 1 is the one that holds the year's first Thursday. */
function isoWeek(date: Date): { readonly year: number; readonly week: number } {
  const thursday = new Date(date.getTime() + (3 - ((date.getUTCDay() + 6) % 7)) * DAY_MS);
  return { year: thursday.getUTCFullYear(), week: Math.floor(dayOfYear(thursday) / 7) + 1 };
}
