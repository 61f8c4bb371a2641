// Errors that Rivet raises in a script, and what is known of them besides their text: found again
// by the identity of the error value when it ends the script, however often it was caught and
// raised.
import fengari, { type LuaState, type TValue } from '../../vendor/fengari/src/index.js';
import type { WireError, WirePlace } from '../wire/messages.ts';
import { placeOf, tracebackOf } from './places.ts';
import { bytesOf } from './text.ts';

const { lua } = fengari;

const raised = new WeakMap<object, WireError>();

type Facts = Omit<WireError, 'message' | 'place' | 'traceback'> & { place?: WirePlace | null };

/** Raises a Lua error whose text is `file:line: message`. Does not return. */
export function raise(L: LuaState, message: string, facts: Facts): never {
  const place = facts.place ?? placeOf(L);
  const prefix = place === null ? '' : `${place[0]}:${place[1]}: `;
  lua.lua_checkstack(L, 2);
  lua.lua_pushstring(L, bytesOf(prefix + message));
  remember(topOf(L), { ...facts, message, place, traceback: tracebackOf(L) });
  lua.lua_error(L);
  throw new Error('lua_error returned');
}

/** Keeps what is known of an error value, unless more was known before. */
export function remember(value: TValue, error: WireError): void {
  if (value.ttisstring() || value.ttistable()) {
    const key = value.value as object;
    if (!raised.has(key)) raised.set(key, error);
  }
}

/** What is known of an error value. */
export function recall(value: TValue): WireError | undefined {
  return value.ttisstring() || value.ttistable() ? raised.get(value.value as object) : undefined;
}

/** The value on top of the stack. */
export function topOf(L: LuaState): TValue {
  const top = L.stack[L.top - 1];
  if (top === undefined) throw new Error('the stack is empty');
  return top;
}
