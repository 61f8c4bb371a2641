// What ended a thread, as the engine is told it.
import fengari, { type LuaState, type Table, type Value } from '../../vendor/fengari/src/index.js';
import type { WireError, WirePlace } from '../wire/messages.ts';
import { describeValue } from './convert.ts';
import { OutOfTime, withinCpuTime } from './limits.ts';
import { placeOf, tracebackOf, wirePlace } from './places.ts';
import { recall, topOf } from './raised.ts';
import { shorten, textOf } from './text.ts';

const { lua, lauxlib, ltable, lvalue } = fengari;

const MESSAGE_BYTES_MAX = 4000;
const FIELDS_SHOWN_MAX = 10;
const TOSTRING_CPU_MS = 100;

/** The error that killed `thread`: its value is on top of its stack, its frames are still there. */
export function errorOf(thread: LuaState): WireError {
  const value = topOf(thread);
  const known = recall(value);
  if (known !== undefined) return known;
  const text = messageOf(thread, value);
  const traceback = tracebackOf(thread);
  const here = placeOf(thread);
  const prefix = /^([^\n]{1,200}?):([1-9]\d{0,8}): /.exec(text);
  if (prefix === null) return { kind: 'error', message: text, place: here, traceback };
  const [whole, file = '', line = ''] = prefix;
  // The message names the line; the frame of that line knows the column too.
  const sameLine = here !== null && here[0] === file && here[1] === Number(line);
  const place: WirePlace = sameLine ? here : [file, Number(line), 0];
  return { kind: 'error', message: text.slice(whole.length), place, traceback };
}

/** The error that `lua_load` left on top of the stack. */
export function syntaxErrorOf(L: LuaState): WireError {
  const text = messageOf(L, topOf(L));
  const { syntaxerror } = L.l_G;
  const place = syntaxerror === null ? null : wirePlace(syntaxerror);
  const message = text.replace(/^[^\n]{1,200}?:\d+: /, '');
  return { kind: 'syntax', message, place, traceback: [] };
}

function messageOf(L: LuaState, value: Value): string {
  if (typeof value === 'string') {
    const text = textOf(lvalue.tobytes(value.slice(0, MESSAGE_BYTES_MAX)));
    const rest = value.length - MESSAGE_BYTES_MAX;
    return rest > 0 ? `${text}… (${rest} more bytes)` : text;
  }
  if (value instanceof lvalue.Table) return shorten(tableMessage(L, value), MESSAGE_BYTES_MAX);
  return `(error object is ${describeValue(value, 100)})`;
}

function tableMessage(L: LuaState, value: Table): string {
  return ownText(L, value) ?? `(error object is a table: ${shallowText(value)})`;
}

/** What the `__tostring` of an error object says, undefined when there is none or it fails. */
function ownText(L: LuaState, value: Table): string | undefined {
  if (value.metatable === null) return undefined;
  // The stack of a thread that died of an overflow has no room.
  const { mainthread } = L.l_G;
  const helper = lua.lua_newthread(mainthread);
  lua.lua_pop(mainthread, 1);
  lua.lua_pushcfunction(helper, (H) => {
    lauxlib.luaL_tolstring(H, 1);
    return 1;
  });
  lua.lua_pushraw(helper, value);
  try {
    let status = -1;
    withinCpuTime(TOSTRING_CPU_MS, () => {
      status = lua.lua_pcall(helper, 1, 1, 0);
    });
    const text = topOf(helper);
    return status === lua.LUA_OK && typeof text === 'string'
      ? textOf(lvalue.tobytes(text.slice(0, MESSAGE_BYTES_MAX)))
      : undefined;
  } catch (error) {
    if (error instanceof OutOfTime) return undefined;
    throw error;
  }
}

function shallowText(table: Table): string {
  const fields: string[] = [];
  for (const [key, value] of ltable.luaH_entries(table)) {
    if (fields.length === FIELDS_SHOWN_MAX) {
      fields.push('…');
      break;
    }
    const text = describeValue(value, 200);
    const shown = typeof value === 'string' ? JSON.stringify(text) : text;
    fields.push(`${describeValue(key, 50)} = ${shown}`);
  }
  return `{ ${fields.join(', ')} }`;
}
