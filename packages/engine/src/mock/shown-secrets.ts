// Secrets in what a test sees of a pipeline: told by their names, never shown.
import type { LuaRecord, LuaValue } from '@rivet/lua';

/** Hides the secrets of a run. */
export interface ShownSecrets {
  /** The text with `***` in place of secrets. */
  text(text: string): string;
  /** Texts by name, and of those that are a secret and nothing else its name. */
  table(values: Readonly<Record<string, string>>): { shown: LuaRecord; secrets: LuaRecord };
}

/** @param secrets values by name */
export function createShownSecrets(secrets: ReadonlyMap<string, string>): ShownSecrets {
  // The longest first, as one may be a part of another.
  const texts = [...secrets.values()].sort((a, b) => b.length - a.length);
  const text = (value: string): string =>
    texts.reduce((clean, secret) => clean.replaceAll(secret, '***'), value);
  return {
    text,
    table(values) {
      const shown: [string, LuaValue][] = [];
      const named: [string, LuaValue][] = [];
      for (const [name, value] of Object.entries(values)) {
        const secret = [...secrets].find(([, known]) => known === value)?.[0];
        if (secret !== undefined) named.push([name, secret]);
        shown.push([name, text(value)]);
      }
      return { shown: luaRecord(shown), secrets: luaRecord(named) };
    },
  };
}

/** A table without a prototype, so that its keys may have any name. */
export function luaRecord(
  fields: readonly (readonly [string, LuaValue])[] | Readonly<Record<string, LuaValue>>,
): LuaRecord {
  const record = Object.create(null) as LuaRecord;
  const entries = Array.isArray(fields) ? fields : Object.entries(fields);
  for (const [name, value] of entries) record[name] = value;
  return record;
}
