// Reads single fields of a definition: each reader returns the value, or reports and returns
// undefined.
import { parseDuration, parseSize } from '@rivet/base';
import { asRecord, type LuaRecord, type LuaValue } from '@rivet/lua';
import { fieldPath, type IssueList, itemPath } from './issue-list.ts';
import { showText, showValue } from './show-value.ts';

/** Reads the value at `path`; undefined after it has reported why it cannot. */
export type Reader<T> = (value: LuaValue, path: string, issues: IssueList) => T | undefined;

/** A field of a record; nil and absent are the same. Keys of a prototype are no fields. */
export function fieldOf(record: LuaRecord, key: string): LuaValue | undefined {
  return Object.hasOwn(record, key) ? (record[key] ?? undefined) : undefined;
}

/** Reads a field that may be absent; undefined when it is. */
export function optional<T>(
  record: LuaRecord,
  key: string,
  parent: string,
  issues: IssueList,
  read: Reader<T>,
): T | undefined {
  const value = fieldOf(record, key);
  return value === undefined ? undefined : read(value, fieldPath(parent, key), issues);
}

/** Reads a field that must be there. */
export function required<T>(
  record: LuaRecord,
  key: string,
  parent: string,
  issues: IssueList,
  expected: string,
  read: Reader<T>,
): T | undefined {
  const value = fieldOf(record, key);
  const path = fieldPath(parent, key);
  if (value !== undefined) return read(value, path, issues);
  issues.add(path, { message: `${key} is missing`, expected });
  return undefined;
}

/** The fields that are there: absent means the installation's default. */
export function present<T extends Record<string, unknown>>(
  fields: T,
): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const there = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(there) as { [K in keyof T]?: Exclude<T[K], undefined> };
}

/** Reports a mistake in a value that is there; returns what a reader returns then. */
export function wrong(
  issues: IssueList,
  path: string,
  message: string,
  value: LuaValue,
  expected: string,
): undefined {
  issues.add(path, { message, found: showValue(value), expected });
  return undefined;
}

/** The last part of a path, to name the field in a message. */
export function labelOf(path: string): string {
  const item = /^(?:.*\.)?([^.[\]]+(?:\[\d+\])+)$/u.exec(path);
  if (item?.[1] !== undefined) return item[1];
  return /([^.[\]"]+)(?:"\])?$/u.exec(path)?.[1] ?? 'the definition';
}

/** A table with the given keys; each other key is a mistake that names the nearest known one. */
export function readRecord(
  value: LuaValue,
  path: string,
  issues: IssueList,
  expected: string,
  known: readonly string[],
  notYet: readonly string[] = [],
): LuaRecord | undefined {
  const record = asRecord(value);
  if (record === undefined) {
    return wrong(issues, path, `${labelOf(path)} is not a table of fields`, value, expected);
  }
  const expectedKeys = known.length === 1 ? `only ${known[0]}` : `one of ${known.join(', ')}`;
  for (const key of Object.keys(record)) {
    if (issues.full) break;
    if (known.includes(key) || fieldOf(record, key) === undefined) continue;
    if (notYet.includes(key)) {
      issues.add(fieldPath(path, key), {
        message: `this version of Rivet does not have ${key}`,
        expected: expectedKeys,
      });
      continue;
    }
    issues.add(fieldPath(path, key), {
      message: `unknown field ${showText(key)}`,
      expected: expectedKeys,
      misspelt: { name: key, known },
    });
  }
  return record;
}

export interface TextRules {
  readonly expected: string;
  /** In UTF-16 units. */
  readonly lengthMax: number;
  readonly pattern?: RegExp;
  readonly misspelt?: Iterable<string>;
}

/**
 * Text without control characters, which no name, image or value needs (`\n` and `\t` may stand).
 */
export function textReader(rules: TextRules): Reader<string> {
  return (value, path, issues) => {
    const { expected, lengthMax, pattern } = rules;
    const label = labelOf(path);
    if (typeof value !== 'string') {
      return wrong(issues, path, `${label} is not text`, value, expected);
    }
    if (value === '') return wrong(issues, path, `${label} is empty`, value, expected);
    if (value.length > lengthMax) {
      issues.add(path, {
        message: `${label} is too long`,
        found: `${value.length} characters`,
        expected: `at most ${lengthMax} characters`,
      });
      return undefined;
    }
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    if (/[\0-\x08\x0b-\x1f\x7f]/.test(value)) {
      return wrong(issues, path, `${label} has a control character`, value, expected);
    }
    if (pattern !== undefined && !pattern.test(value)) {
      return wrong(issues, path, `${label} is not valid`, value, expected);
    }
    return value;
  };
}

export const readBoolean: Reader<boolean> = (value, path, issues) =>
  typeof value === 'boolean'
    ? value
    : wrong(issues, path, `${labelOf(path)} is not a bool`, value, 'true or false');

/** A finite number. */
export const readNumber: Reader<number> = (value, path, issues) =>
  typeof value === 'number' && Number.isFinite(value)
    ? value
    : wrong(issues, path, `${labelOf(path)} is not a number`, value, 'a finite number');

/** A number from `min` (left out itself when `above`) to `max`. */
export function numberReader(min: number, max: number, integer: boolean): Reader<number> {
  const expected = `${integer ? 'a whole number' : 'a number'} from ${min} to ${max}`;
  return (value, path, issues) => {
    const fits =
      typeof value === 'number' &&
      value >= min &&
      value <= max &&
      (!integer || Number.isInteger(value));
    return fits
      ? value
      : wrong(issues, path, `${labelOf(path)} is not ${expected}`, value, expected);
  };
}

/** A duration above zero, in milliseconds. */
export const readDurationMs: Reader<number> = (value, path, issues) => {
  const expected = 'seconds or text such as "90s", "5m" or "2h", at most 24 days';
  const ms = attempt(() => parseDuration(value));
  return ms !== undefined && ms > 0
    ? ms
    : wrong(issues, path, `${labelOf(path)} is not a duration above 0`, value, expected);
};

/** A size in bytes, at least `min`. */
export function sizeReader(min: number, minShown: string): Reader<number> {
  const expected = `bytes or text such as "64MB" or "1.5GB", at least ${minShown}`;
  return (value, path, issues) => {
    const bytes = attempt(() => parseSize(value));
    return bytes !== undefined && bytes >= min
      ? bytes
      : wrong(issues, path, `${labelOf(path)} is not a size`, value, expected);
  };
}

/** One of a few words. */
export function choiceReader<T extends string>(choices: readonly T[]): Reader<T> {
  return (value, path, issues) => {
    const choice = choices.find((candidate) => candidate === value);
    if (choice !== undefined) return choice;
    const expected = `one of ${choices.map((candidate) => showText(candidate)).join(', ')}`;
    const message = `${labelOf(path)} is not a known choice`;
    issues.add(path, {
      message,
      found: showValue(value),
      expected,
      ...(typeof value === 'string' ? { misspelt: { name: value, known: choices } } : {}),
    });
    return undefined;
  };
}

export interface ListRules<T> {
  readonly expected: string;
  readonly countMax: number;
  readonly item: Reader<T>;
  /** What is said when an item is there twice; absent: it may be. */
  readonly twice?: (item: T) => string;
}

/** A list without holes. Good items are returned even when others are bad. */
export function listReader<T>(rules: ListRules<T>): Reader<T[]> {
  return (value, path, issues) => {
    if (!Array.isArray(value)) {
      return wrong(issues, path, `${labelOf(path)} is not a list`, value, rules.expected);
    }
    if (value.length > rules.countMax) {
      issues.add(path, {
        message: `${labelOf(path)} has too many items`,
        found: String(value.length),
        expected: `at most ${rules.countMax}`,
      });
      return undefined;
    }
    const items: T[] = [];
    const seen = new Set<string>();
    for (const [index, element] of value.entries()) {
      if (issues.full) break;
      const item = rules.item(element, itemPath(path, index), issues);
      if (item === undefined) continue;
      const identity = JSON.stringify(item);
      if (rules.twice !== undefined && seen.has(identity)) {
        issues.add(itemPath(path, index), { message: rules.twice(item) });
        continue;
      }
      seen.add(identity);
      items.push(item);
    }
    return items;
  };
}

function attempt<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch {
    return undefined;
  }
}
