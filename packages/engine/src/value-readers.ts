// Readers check what a script passed to a host function and give it a TypeScript type.
import { didYouMean, parseDuration, parseSize, RivetError, SecretText } from '@rivet/base';
import { asRecord, LuaFunction, type LuaValue } from '@rivet/lua';

/** Where a value stands: the function it was passed to and its path in the arguments. */
export interface Place {
  readonly function: string;
  readonly path: string;
}

/** Checks one value. */
export interface Reader<T> {
  /** What is expected, as it continues "expected …". */
  readonly expected: string;
  /** @throws RIVET_CALL_ARGUMENT, RIVET_CALL_OPTION_UNKNOWN */
  read(value: LuaValue, place: Place): T;
}

/** Readers of the options of a table, by name. Every option may be absent. */
export type OptionSchema = Readonly<Record<string, Reader<unknown>>>;
export type OptionsOf<S extends OptionSchema> = {
  readonly [Name in keyof S]?: S[Name] extends Reader<infer T> ? T : never;
};

/** A reader of a table with known keys; the keys are what stubs and docs are compared with. */
export interface OptionsReader<T> extends Reader<T> {
  readonly options: readonly string[];
}

function reader<T>(expected: string, pick: (value: LuaValue) => T | undefined): Reader<T> {
  return {
    expected,
    read(value, place) {
      const picked = pick(value);
      if (picked === undefined) throw wrongValue(value, expected, place);
      return picked;
    },
  };
}

export const anyValue = reader<LuaValue>('a value', (value) => value);
export const boolean = reader('true or false', (v) => (typeof v === 'boolean' ? v : undefined));
/** Text that can go to a command line or a log; NUL would cut it short there. */
export const text = reader('a string without NUL', (v) =>
  typeof v === 'string' && !v.includes('\0') ? v : undefined,
);
/** An argument of a command: text, or a number as it is written. */
export const argument = reader('a string without NUL, or a number', (v) => {
  if (typeof v === 'number' && Number.isFinite(v)) return String(v);
  return typeof v === 'string' && !v.includes('\0') ? v : undefined;
});
export const plainText = reader('a string of UTF-8', (v) =>
  typeof v === 'string' ? v : undefined,
);
/** Text to be shown: what is no UTF-8 becomes U+FFFD. */
export const shownText = reader('a string', (v) =>
  v instanceof Uint8Array ? Buffer.from(v).toString('utf8') : typeof v === 'string' ? v : undefined,
);
export const bytes = reader('a string', (v) =>
  typeof v === 'string' || v instanceof Uint8Array ? v : undefined,
);
/** A secret value, as `secret.get` returned it. */
export const secretValue = reader('a secret value, as secret.get returns it', asSecret);
/** Text without NUL, or a secret whose text nobody sees on the way. */
export const textOrSecret = reader<string | SecretText>(
  'a string without NUL, or a secret value',
  (v) => asSecret(v) ?? (typeof v === 'string' && !v.includes('\0') ? v : undefined),
);
/** Any string, or a secret. */
export const bytesOrSecret = reader<string | Uint8Array | SecretText>(
  'a string, or a secret value',
  (v) => asSecret(v) ?? (typeof v === 'string' || v instanceof Uint8Array ? v : undefined),
);
export const luaFunction = reader('a function', (v) => (v instanceof LuaFunction ? v : undefined));
/** Milliseconds of seconds or `"5m"`. */
export const duration = reader('seconds or text such as "90s" or "5m"', (v) =>
  attempt(() => parseDuration(v)),
);
/** Bytes of a number or `"64MB"`. */
export const size = reader('bytes or text such as "64MB"', (v) => attempt(() => parseSize(v)));

export function number(min: number, max: number): Reader<number> {
  return reader(`a number from ${min} to ${max}`, (v) =>
    typeof v === 'number' && v >= min && v <= max ? v : undefined,
  );
}

export function integer(min: number, max: number): Reader<number> {
  return reader(`a whole number from ${min} to ${max}`, (v) =>
    typeof v === 'number' && Number.isInteger(v) && v >= min && v <= max ? v : undefined,
  );
}

export function choice<const T extends string | boolean>(...values: readonly T[]): Reader<T> {
  const shown = values.map((value) => JSON.stringify(value)).join(', ');
  return reader(`one of ${shown}`, (v) => values.find((value) => value === v));
}

export function listOf<T>(item: Reader<T>): Reader<T[]> {
  const expected = `a list, each item ${item.expected}`;
  return {
    expected,
    read(value, place) {
      if (!Array.isArray(value)) throw wrongValue(value, expected, place);
      return value.map((element, index) =>
        item.read(element, { ...place, path: `${place.path}[${index + 1}]` }),
      );
    },
  };
}

const ENVIRONMENT_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** The name of a variable; RIVET_* belongs to Rivet. */
export const environmentName = reader(
  'names of letters, digits and _ that do not begin with RIVET_',
  (v) =>
    typeof v === 'string' && ENVIRONMENT_NAME.test(v) && !v.startsWith('RIVET_') ? v : undefined,
);

/** Environment variables: text as it is, numbers and booleans as text. RIVET_* belongs to Rivet. */
export const environment = variables(text);
/** The same, where a value may be a secret. */
export const environmentWithSecrets = variables(textOrSecret);

function variables<T>(value: Reader<T>): Reader<Readonly<Record<string, T | string>>> {
  const expected = 'a table of environment variables';
  return {
    expected,
    read(given, place) {
      const record = asRecord(given);
      if (record === undefined) throw wrongValue(given, expected, place);
      const env: Record<string, T | string> = Object.create(null);
      for (const [name, entry] of Object.entries(record)) {
        const path = `${place.path}.${name}`;
        environmentName.read(name, { ...place, path: `a name in ${place.path}` });
        const scalar = typeof entry === 'number' || typeof entry === 'boolean';
        env[name] = scalar ? String(entry) : value.read(entry, { ...place, path });
      }
      return env;
    },
  };
}

/**
 * A table whose keys are all in `schema`; an unknown key is an error that names the nearest.
 * @param expected what the message asks for in place of something that is no such table
 */
export function options<const S extends OptionSchema>(
  schema: S,
  expected = 'a table of options',
): OptionsReader<OptionsOf<S>> {
  const names = Object.keys(schema);
  return {
    expected,
    options: names,
    read(value, place) {
      const record = asRecord(value);
      if (record === undefined) {
        throw wrongValue(value, expected, { ...place, path: place.path || 'options' });
      }
      const found: Record<string, unknown> = {};
      for (const [name, entry] of Object.entries(record)) {
        const known = Object.hasOwn(schema, name) ? schema[name] : undefined;
        if (known === undefined) throw unknownOption(name, names, place);
        const path = place.path === '' ? name : `${place.path}.${name}`;
        found[name] = known.read(entry, { ...place, path });
      }
      return found as OptionsOf<S>;
    },
  };
}

export function wrongValue(value: LuaValue, expected: string, place: Place): RivetError {
  return RivetError.of('RIVET_CALL_ARGUMENT', {
    function: place.function,
    path: place.path,
    found: describeValue(value),
    expected,
  });
}

function unknownOption(name: string, known: readonly string[], place: Place): RivetError {
  return RivetError.of('RIVET_CALL_OPTION_UNKNOWN', {
    function: place.function,
    option: name.slice(0, 100),
    nearest: didYouMean(name, known) || `; it takes ${known.join(', ')}`,
  });
}

/** A Lua value as an error message shows it: short, on one line. */
export function describeValue(value: LuaValue): string {
  if (value === null) return 'nil';
  if (typeof value === 'string') {
    return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  }
  if (typeof value !== 'object') return String(value);
  if (asSecret(value) !== undefined) return 'a secret value';
  if (value instanceof Uint8Array) return `a string of ${value.length} bytes that is not UTF-8`;
  if (value instanceof LuaFunction) return 'a function';
  if (!Array.isArray(value)) return 'a table';
  return value.length === 0 ? 'an empty table' : `a list of ${value.length}`;
}

/**
 * The secret that the dispatcher put in the place of what the script passed; see
 * secrets/secret-values.ts.
 */
function asSecret(value: unknown): SecretText | undefined {
  return value instanceof SecretText ? value : undefined;
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
