// `require`: loads files of the program's own bundle, each once.
import fengari, { type LuaState, type Value } from '../../vendor/fengari/src/index.js';
import { syntaxErrorOf } from './errors.ts';
import { raise, topOf } from './raised.ts';
import { bytesOf, shorten, textOf } from './text.ts';

const { lua, lauxlib } = fengari;

const NAME = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/;
const FILES_SHOWN_MAX = 20;

/** The files of a program, and what those that were required returned. */
export class Files {
  readonly #files: ReadonlyMap<string, Uint8Array>;
  readonly #main: string;
  readonly #loaded = new Map<string, Value>();
  /** Files being loaded, outermost first. */
  readonly #loading: string[] = [];

  constructor(files: ReadonlyMap<string, Uint8Array>, main: string) {
    this.#files = files;
    this.#main = main;
  }

  /** Pushes the chunk of a file, or its syntax error; the result is that of `lua_load`. */
  load(L: LuaState, path: string): number {
    const source = withoutShebang(this.#files.get(path) ?? new Uint8Array());
    return lauxlib.luaL_loadbufferx(L, source, source.length, bytesOf(`@${path}`), bytesOf('t'));
  }

  /** The Lua function `require`. */
  require(L: LuaState): number {
    const name = textOf(lauxlib.luaL_checkstring(L, 1));
    const path = this.#find(L, name);
    const known = this.#loaded.get(path);
    if (known !== undefined) {
      lua.lua_pushraw(L, known);
      return 1;
    }
    if (this.#loading.includes(path)) {
      const cycle = [...this.#loading.slice(this.#loading.indexOf(path)), path].join(' → ');
      raise(L, `require("${name}"): the files require each other: ${cycle}`, { kind: 'error' });
    }
    if (this.load(L, path) !== lua.LUA_OK) {
      const error = syntaxErrorOf(L);
      raise(L, error.message, { kind: 'syntax', place: error.place });
    }
    this.#loading.push(path);
    lua.lua_pushvalue(L, 1);
    const loaded = (state: LuaState): number => this.#finish(state, path);
    lua.lua_callk(L, 1, 1, 0, loaded);
    return loaded(L);
  }

  #finish(L: LuaState, path: string): number {
    this.#loading.splice(this.#loading.indexOf(path), 1);
    if (lua.lua_isnil(L, -1)) lua.lua_pushboolean(L, true);
    const value = topOf(L);
    this.#loaded.set(path, value);
    return 1;
  }

  #find(L: LuaState, name: string): string {
    if (!NAME.test(name)) {
      const expected = 'names of files without .lua, joined by dots, such as "lib.build"';
      raise(L, `require("${shorten(name, 100)}"): expected ${expected}`, { kind: 'error' });
    }
    const base = name.replaceAll('.', '/');
    for (const path of [`${base}.lua`, `${base}/init.lua`]) {
      if (this.#files.has(path) && path !== this.#main) return path;
    }
    const message = `require("${name}"): there is no ${base}.lua and no ${base}/init.lua beside ${this.#main}`;
    return raise(L, `${message}; ${this.#available()}`, { kind: 'error' });
  }

  #available(): string {
    const names = [...this.#files.keys()]
      .filter((path) => path !== this.#main && path.endsWith('.lua'))
      .map((path) => path.replace(/(\/init)?\.lua$/, '').replaceAll('/', '.'))
      .sort();
    if (names.length === 0) return 'the program has no other files';
    const shown = names.slice(0, FILES_SHOWN_MAX).join(', ');
    return `there are: ${shown}${names.length > FILES_SHOWN_MAX ? ', …' : ''}`;
  }
}

const HASH = 35;
const NEWLINE = 10;

/** The source without a byte order mark, and with a first line that starts with `#` left empty. */
function withoutShebang(source: Uint8Array): Uint8Array {
  const text = source[0] === 0xef && source[1] === 0xbb && source[2] === 0xbf ? 3 : 0;
  const body = source.subarray(text);
  if (body[0] !== HASH) return body;
  const end = body.indexOf(NEWLINE);
  return end === -1 ? new Uint8Array() : body.subarray(end);
}
