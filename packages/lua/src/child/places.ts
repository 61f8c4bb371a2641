// Where a thread is in the user's source: the place of a call and the traceback. Frames of Rivet's
// own Lua are left out.
import fengari, {
  type LuaDebug,
  type LuaState,
  type Place,
} from '../../vendor/fengari/src/index.js';
import type { WirePlace } from '../wire/messages.ts';
import { bytesOf, textOf } from './text.ts';

const { lua, defs, lobject, lvalue, marks } = fengari;

const FRAMES_MAX = 30;
const CHUNK_NAME_BYTES_MAX = 200;
const WHAT = bytesOf('Slnt');

/** The nearest line of the user's that `L` is on, null when there is none. */
export function placeOf(L: LuaState): WirePlace | null {
  const place = marks.userplace(L, L.ci);
  return place === null ? null : wirePlace(place);
}

export function wirePlace(place: Place): WirePlace {
  return [chunkName(place.source.getstr()), place.line, place.column ?? 0];
}

/** The name of a file as positions show it. */
export function chunkName(source: Uint8Array): string {
  return textOf(lobject.luaO_chunkid(source, CHUNK_NAME_BYTES_MAX));
}

/** The user's frames of `L` and of the threads that resumed it, innermost first. */
export function tracebackOf(L: LuaState): string[] {
  const lines: string[] = [];
  for (let thread: LuaState | null = L; thread !== null; thread = thread.resumer) {
    const ar = new defs.lua_Debug();
    for (let level = 0; lua.lua_getstack(thread, level, ar) !== 0; level += 1) {
      if (lines.length === FRAMES_MAX) return [...lines, '...'];
      const line = frameLine(thread, ar);
      if (line !== undefined) lines.push(line);
    }
  }
  return lines;
}

function frameLine(L: LuaState, ar: LuaDebug): string | undefined {
  const closure = ar.i_ci.func;
  if (!(closure instanceof lvalue.LClosure) || closure.p.trusted) return undefined;
  lua.lua_getinfo(L, WHAT, ar);
  return `${textOf(ar.short_src)}:${ar.currentline}: in ${frameName(ar)}`;
}

function frameName(ar: LuaDebug): string {
  if (ar.linedefined === 0) return 'main chunk';
  if (ar.name !== null) {
    const kind = textOf(ar.namewhat) === 'method' ? 'method' : 'function';
    return `${kind} '${textOf(ar.name)}'`;
  }
  return `function <${textOf(ar.short_src)}:${ar.linedefined}>`;
}
