// Reads a program's settings from environment variables: one schema, all problems told at once.
import { parseDuration } from './duration.ts';
import { describeThrown, RivetError } from './errors/rivet-error.ts';
import { nearest } from './nearest.ts';
import { parseSize } from './size.ts';

/** How one variable is read: its text to a value, or an error that says what was expected. */
export interface Setting<T> {
  readonly expected: string;
  readonly fallback: T;
  readonly parse: (text: string) => T | undefined;
}

export type Settings = Readonly<Record<string, Setting<unknown>>>;
export type SettingsOf<S extends Settings> = {
  [K in keyof S]: S[K] extends Setting<infer T> ? T : never;
};

export function textSetting<T extends string | undefined>(fallback: T): Setting<string | T> {
  return { expected: 'text', fallback, parse: (text) => text };
}

export function integerSetting(fallback: number, min: number, max: number): Setting<number> {
  return {
    expected: `a whole number from ${min} to ${max}`,
    fallback,
    parse: (text) => {
      const value = /^-?\d+$/.test(text) ? Number(text) : Number.NaN;
      return value >= min && value <= max ? value : undefined;
    },
  };
}

export function choiceSetting<T extends string>(fallback: T, choices: readonly T[]): Setting<T> {
  return {
    expected: `one of ${choices.join(', ')}`,
    fallback,
    parse: (text) => choices.find((choice) => choice === text),
  };
}

/** A duration; the value is in milliseconds. */
export function durationSetting(fallbackMs: number): Setting<number> {
  return {
    expected: 'a duration such as 90s or 5m',
    fallback: fallbackMs,
    parse: (text) => {
      try {
        return parseDuration(text);
      } catch {
        return undefined;
      }
    },
  };
}

/** A size above zero; the value is in bytes. */
export function sizeSetting(fallbackBytes: number): Setting<number> {
  return {
    expected: 'a size such as 512KB or 100MB',
    fallback: fallbackBytes,
    parse: (text) => {
      try {
        const bytes = parseSize(text);
        return bytes > 0 ? bytes : undefined;
      } catch {
        return undefined;
      }
    },
  };
}

/**
 * Reads `settings` from `env`; an empty variable counts as not set.
 * @throws RIVET_CONFIG_INVALID naming the variable, the value and what was expected
 */
export function readSettings<S extends Settings>(
  settings: S,
  env: Readonly<Record<string, string | undefined>>,
): SettingsOf<S> {
  const entries = Object.entries(settings).map(([key, setting]) => {
    const text = env[key];
    if (text === undefined || text === '') return [key, setting.fallback];
    const value = setting.parse(text);
    if (value === undefined) {
      throw RivetError.of('RIVET_CONFIG_INVALID', {
        key,
        found: JSON.stringify(text),
        expected: setting.expected,
      });
    }
    return [key, value];
  });
  return Object.fromEntries(entries) as SettingsOf<S>;
}

/** Variables with the prefix `RIVET_` that no program knows, each with the nearest known name. */
export function unknownVariables(
  known: Iterable<string>,
  env: Readonly<Record<string, string | undefined>>,
): { name: string; nearest: string | undefined }[] {
  const names = new Set(known);
  return Object.keys(env)
    .filter((name) => name.startsWith('RIVET_') && !names.has(name))
    .map((name) => ({ name, nearest: nearest(name, names) }));
}

/** The text of an error for a place that has room for one line. */
export function firstLine(error: unknown): string {
  return describeThrown(error).split('\n', 1)[0] ?? '';
}
