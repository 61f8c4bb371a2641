// What is left of Lua's `os`: time, date and clock (all UTC), and the variables of the pipeline.
import { asRecord, type LuaRecord, type LuaValue } from '@rivet/lua';
import { type HostModule, hostFunction, optional, required } from '../host-function.ts';
import { integer, number, plainText, type Reader, text, wrongValue } from '../value-readers.ts';
import { formatDate } from './strftime.ts';

/** Seconds a date may lie from 1970: years 1 to 9999. */
const MIN_TIME = -62_135_596_800;
const MAX_TIME = 253_402_300_799;

const dateTable: Reader<number> = {
  expected: 'a table with whole numbers year, month and day (hour, min, sec may be there)',
  read(value, place) {
    const record = asRecord(value);
    if (record === undefined) throw wrongValue(value, this.expected, place);
    const field = (name: string, fallback?: number): number => {
      const given = record[name] ?? fallback ?? null;
      return integer(-100_000, 100_000).read(given, { ...place, path: `${place.path}.${name}` });
    };
    // Not Date.UTC, which takes years 0 to 99 as 1900 to 1999. The date comes in one step, as days
    // that are too many go on in the months of this very year.
    const date = new Date(0);
    date.setUTCFullYear(field('year'), field('month') - 1, field('day'));
    date.setUTCHours(field('hour', 12), field('min', 0), field('sec', 0));
    const seconds = date.getTime() / 1000;
    return number(MIN_TIME, MAX_TIME).read(seconds, place);
  },
};

function dateFields(date: Date): LuaRecord {
  const fields = Object.create(null) as LuaRecord;
  const firstOfYear = Date.UTC(date.getUTCFullYear(), 0, 1);
  const values: [string, LuaValue][] = [
    ['year', date.getUTCFullYear()],
    ['month', date.getUTCMonth() + 1],
    ['day', date.getUTCDate()],
    ['hour', date.getUTCHours()],
    ['min', date.getUTCMinutes()],
    ['sec', date.getUTCSeconds()],
    ['wday', date.getUTCDay() + 1],
    ['yday', Math.floor((date.getTime() - firstOfYear) / 86_400_000) + 1],
    ['isdst', false],
  ];
  for (const [name, value] of values) fields[name] = value;
  return fields;
}

export const osModule: HostModule = {
  name: 'os',
  functions: {
    time: hostFunction([optional('date', dateTable)], ({ job }, seconds) => [
      seconds ?? Math.floor(job.clock.now() / 1000),
    ]),
    date: hostFunction(
      [optional('format', plainText), optional('time', number(MIN_TIME, MAX_TIME))],
      (call, format = '%c', seconds = call.job.clock.now() / 1000) => {
        const date = new Date(Math.floor(seconds) * 1000);
        const pattern = format.replace(/^!/, '');
        return [pattern === '*t' ? dateFields(date) : formatDate(pattern, date, call.name)];
      },
    ),
    getenv: hostFunction([required('name', text)], ({ job }, variable) => {
      const { env } = job.definition;
      return [(Object.hasOwn(env, variable) ? env[variable] : undefined) ?? null];
    }),
    clock: hostFunction([], ({ job }) => [(job.clock.now() - job.startedAtMs) / 1000]),
  },
};
