// Secrets on their way between Lua and the engine: a handle there, the text here.
import { SecretText } from '@rivet/base';
import { asRecord, type LuaRecord, type LuaValue } from '@rivet/lua';

/** The one key of the table that stands for a secret in Lua; modules/lua/secret-value.lua knows it. */
const HANDLE_KEY = '$secret';

/** Knows the secrets of a job by their handles. */
export interface SecretHandles {
  /** Whether there is none: values need not be looked through. */
  readonly empty: boolean;
  find(handle: string): SecretText | undefined;
  handleOf(secret: SecretText): string;
}

/** A secret among the results of a host function; the dispatcher turns it into its handle. */
export function asLuaValue(secret: SecretText): LuaValue {
  return secret as unknown as LuaValue;
}

/**
 * The arguments of a host call with each handle replaced by its `SecretText`, at any depth. A handle
 * cannot be guessed, so a table of that shape in data from elsewhere stays what it is.
 */
export function resolveSecrets(
  args: readonly LuaValue[],
  handles: SecretHandles,
): readonly LuaValue[] {
  if (handles.empty) return args;
  const replace = (value: LuaValue): LuaValue | undefined => {
    const handle = handleIn(value);
    const secret = handle === undefined ? undefined : handles.find(handle);
    return secret === undefined ? undefined : asLuaValue(secret);
  };
  return args.map((value) => mapValue(value, replace));
}

/** The results of a host call with each secret replaced by its handle. */
export function concealSecrets(
  results: readonly LuaValue[],
  handles: SecretHandles,
): readonly LuaValue[] {
  if (handles.empty) return results;
  const replace = (value: unknown): LuaValue | undefined => {
    if (!(value instanceof SecretText)) return undefined;
    const record: LuaRecord = Object.create(null);
    record[HANDLE_KEY] = handles.handleOf(value);
    return record;
  };
  return results.map((value) => mapValue(value, replace));
}

/**
 * Gives secrets the handles that they had in another process.
 * @param results what a host function gave now
 * @param recorded what it gave there
 */
export function rebindSecrets(
  results: unknown,
  recorded: LuaValue,
  rebind: (secret: SecretText, handle: string) => void,
): void {
  if (results instanceof SecretText) {
    const handle = handleIn(recorded);
    if (handle !== undefined) rebind(results, handle);
  } else if (Array.isArray(results)) {
    const entries = Array.isArray(recorded) ? recorded : [];
    results.forEach((each, index) => void rebindSecrets(each, entries[index] ?? null, rebind));
  } else {
    const entries = asRecord(recorded) ?? {};
    for (const [key, each] of Object.entries(asRecord(results as LuaValue) ?? {})) {
      rebindSecrets(each, entries[key] ?? null, rebind);
    }
  }
}

function handleIn(value: LuaValue): string | undefined {
  const record = asRecord(value);
  if (record === undefined || !Object.hasOwn(record, HANDLE_KEY)) return undefined;
  const handle = record[HANDLE_KEY];
  return Object.keys(record).length === 1 && typeof handle === 'string' ? handle : undefined;
}

/** A copy where something was replaced, else the value itself. */
function mapValue(value: LuaValue, replace: (value: LuaValue) => LuaValue | undefined): LuaValue {
  if (value === null || typeof value !== 'object') return value;
  const replaced = replace(value);
  if (replaced !== undefined) return replaced;
  if (Array.isArray(value)) {
    const items = value.map((item) => mapValue(item, replace));
    return items.some((item, index) => item !== value[index]) ? items : value;
  }
  let copy: LuaRecord | undefined;
  for (const [key, entry] of Object.entries(asRecord(value) ?? {})) {
    const mapped = mapValue(entry, replace);
    if (mapped === entry) continue;
    copy ??= Object.assign(Object.create(null) as LuaRecord, value);
    copy[key] = mapped;
  }
  return copy ?? value;
}
