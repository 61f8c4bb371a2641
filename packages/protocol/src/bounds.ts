// Bounds of what a request may say, so that the database can hold it.
import { Type } from 'typebox';

/** The greatest `integer` of PostgreSQL. */
const INTEGER_MAX = 2_147_483_647;

/** A count or number that the database keeps as an `integer`. */
export const count = (minimum: 0 | 1) => Type.Integer({ minimum, maximum: INTEGER_MAX });

/** Priorities of jobs go from minus this to this; the higher are given out first. */
export const PRIORITY_MAX = 1000;

/** Characters of the summary of a job; the engine refuses more bytes than this. */
export const SUMMARY_LENGTH_MAX = 1024 * 1024;

/** A point in time as `toISOString` writes it. */
export const UtcTime = Type.String({
  format: 'date-time',
  pattern: '^[1-9]\\d{3}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d{1,9})?Z$',
});
