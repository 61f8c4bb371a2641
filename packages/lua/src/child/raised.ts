// Errors that Rivet raises in a script, and what is known of them besides their text: found again
// by the error value (its text, or the identity of a table) when it ends the script, however often
// it was caught and raised.
import fengari, { type LuaState, type Value } from '../../vendor/fengari/src/index.js';
import type { WireError, WirePlace } from '../wire/messages.ts';
import { placeOf, tracebackOf } from './places.ts';
import { bytesOf } from './text.ts';

const { lua, lvalue, coroutines } = fengari;

/** Texts remembered: the oldest is forgotten first. */
const TEXTS_MAX = 1000;

const raisedTables = new WeakMap<object, WireError>();
const raisedTexts = new Map<string, WireError>();

type Facts = Omit<WireError, 'message' | 'place' | 'traceback'> & { place?: WirePlace | null };

/** Raises a Lua error whose text is `file:line: message`. Does not return. */
export function raise(L: LuaState, message: string, facts: Facts): never {
  const place = facts.place ?? placeOf(L);
  const prefix = place === null ? '' : `${place[0]}:${place[1]}: `;
  lua.lua_checkstack(L, 2);
  lua.lua_pushstring(L, bytesOf(prefix + message));
  keep(topOf(L), { ...facts, message, place, traceback: tracebackOf(L) });
  lua.lua_error(L);
  throw new Error('lua_error returned');
}

/** Keeps what is known of an error value, unless more was known before. */
export function remember(value: Value, error: WireError): void {
  if (recall(value) === undefined) keep(value, error);
}

function keep(value: Value, error: WireError): void {
  if (value instanceof lvalue.Table) raisedTables.set(value, error);
  if (typeof value !== 'string') return;
  raisedTexts.delete(value);
  raisedTexts.set(value, error);
  if (raisedTexts.size <= TEXTS_MAX) return;
  for (const oldest of raisedTexts.keys()) {
    raisedTexts.delete(oldest);
    break;
  }
}

/** What is known of an error value. */
export function recall(value: Value): WireError | undefined {
  if (typeof value === 'string') return raisedTexts.get(value);
  return value instanceof lvalue.Table ? raisedTables.get(value) : undefined;
}

// `coroutine.wrap` puts the place of its caller before the text of an error.
coroutines.renamed = (from, to) => {
  const known = recall(from);
  if (known !== undefined) keep(to, known);
};

/** The value on top of the stack. */
export function topOf(L: LuaState): Value {
  return L.stack[L.top - 1];
}
