// The outputs of a job: typed values that later stages, the API and the job page see.
import { formatSize, RivetError, SecretText } from '@rivet/base';
import { LuaFunction, type LuaValue } from '@rivet/lua';
import { describeValue } from './value-readers.ts';

/** Bytes of JSON of one output, and of all outputs of a job with their names. */
const OUTPUT_BYTES_MAX = 64 * 1024;
const OUTPUTS_BYTES_MAX = 1024 * 1024;

export interface OutputStore {
  get(name: string): LuaValue | undefined;
  /** In the order in which they were first set. */
  keys(): string[];
  /** @throws RIVET_CALL_ARGUMENT for what JSON cannot hold, RIVET_OUTPUT_TOO_LARGE */
  set(name: string, value: LuaValue): Promise<void>;
  /** Does nothing when it is not set. */
  clear(name: string): Promise<void>;
}

interface Entry {
  readonly value: LuaValue;
  readonly bytes: number;
}

/**
 * @param tell called with the JSON value of an output that changed, undefined when it was cleared
 */
export function createOutputStore(
  tell: (name: string, value: unknown) => void | Promise<void>,
): OutputStore {
  const entries = new Map<string, Entry>();
  let total = 0;
  const drop = (name: string): void => {
    total -= entries.get(name)?.bytes ?? 0;
    entries.delete(name);
  };
  return {
    get: (name) => entries.get(name)?.value,
    keys: () => [...entries.keys()],
    async set(name, value) {
      if (value === null) throw notJson(null, 'value');
      checkJson(value, 'value');
      const size = Buffer.byteLength(JSON.stringify(value));
      if (size > OUTPUT_BYTES_MAX) throw tooLarge(`output "${name}"`, size, OUTPUT_BYTES_MAX);
      const bytes = Buffer.byteLength(name) + size;
      const after = total - (entries.get(name)?.bytes ?? 0) + bytes;
      if (after > OUTPUTS_BYTES_MAX) {
        throw tooLarge(`the outputs of the job with "${name}"`, after, OUTPUTS_BYTES_MAX);
      }
      total = after;
      entries.set(name, { value, bytes });
      await tell(name, value);
    },
    async clear(name) {
      if (!entries.has(name)) return;
      drop(name);
      await tell(name, undefined);
    },
  };
}

function tooLarge(what: string, found: number, limit: number): RivetError {
  return RivetError.of('RIVET_OUTPUT_TOO_LARGE', {
    what,
    found: formatSize(found),
    limit: formatSize(limit),
  });
}

function checkJson(value: LuaValue, path: string): void {
  const plain = typeof value !== 'object' || value === null;
  if (typeof value === 'number' && !Number.isFinite(value)) throw notJson(value, path);
  if (plain) return;
  if (
    value instanceof Uint8Array ||
    value instanceof LuaFunction ||
    (value as unknown) instanceof SecretText
  ) {
    throw notJson(value, path);
  }
  for (const [key, entry] of Object.entries(value)) {
    checkJson(entry, Array.isArray(value) ? `${path}[${Number(key) + 1}]` : `${path}.${key}`);
  }
}

function notJson(value: LuaValue, path: string): RivetError {
  return RivetError.of('RIVET_CALL_ARGUMENT', {
    function: 'output.set',
    path,
    found: describeValue(value),
    expected: 'a string of UTF-8, a finite number, a boolean, a list or a table of them',
  });
}
