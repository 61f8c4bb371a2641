// What Rivet uses of fengari, typed by hand.

/** A byte string. */
type LuaString = Uint8Array;

export interface TString {
  getstr(): LuaString;
}

/**
 * A value as the VM holds it: undefined, a boolean, a number (or an object where a float is a whole
 * number), a string whose characters are bytes, a table, a function, a thread or userdata.
 */
export type Value = unknown;

export interface Place {
  source: TString;
  line: number;
  column: number;
}

export interface Table {
  metatable: Table | null;
  readonly: string | null;
  marks: Map<unknown, Place> | null;
  born: Place | null;
}

export interface Proto {
  p: Proto[];
  source: TString;
  linedefined: number;
  trusted: boolean;
}

/** Parts of compiled code that are there once. */
export interface Pool {
  readonly instructions: Map<number, object>;
  readonly names: Map<string, TString>;
}

export interface LClosure {
  p: Proto;
}

export interface CallInfo {
  func: Value;
  previous: CallInfo | null;
}

export interface LuaState {
  stack: Value[];
  top: number;
  ci: CallInfo;
  base_ci: CallInfo;
  status: number;
  /** The host call this thread waits for. */
  hostcall: unknown;
  isbranch: boolean;
  resumer: LuaState | null;
  l_G: { mainthread: LuaState; syntaxerror: Place | null };
}

export interface LuaDebug {
  i_ci: CallInfo;
  name: LuaString | null;
  namewhat: LuaString;
  what: LuaString;
  short_src: LuaString;
  currentline: number;
  linedefined: number;
}

/** A host call that a thread will make; its arguments hold nothing but data. */
export interface ForeseenCall {
  name: string;
  args: Value[];
  place: Place | null;
}

/** A native function; of a host call `hostcall` is its name, null when that is the first argument. */
type CFunction = ((L: LuaState) => number) & { hostcall?: string | null };
type Continuation<T> = (L: LuaState, status: number, ctx: T) => number;

declare const fengari: {
  defs: {
    to_luastring(text: string): LuaString;
    lua_Debug: new () => LuaDebug;
  };
  lua: {
    LUA_OK: number;
    LUA_YIELD: number;
    LUA_ERRSYNTAX: number;
    LUA_MULTRET: number;
    LUA_REGISTRYINDEX: number;
    lua_atnativeerror(L: LuaState, f: CFunction): void;
    lua_touserdata(L: LuaState, index: number): unknown;
    lua_absindex(L: LuaState, index: number): number;
    lua_callk<T>(L: LuaState, args: number, results: number, ctx: T, k: Continuation<T>): void;
    lua_checkstack(L: LuaState, n: number): boolean;
    lua_concat(L: LuaState, n: number): void;
    lua_createtable(L: LuaState, list: number, records: number): void;
    lua_error(L: LuaState): number;
    lua_getfield(L: LuaState, index: number, key: LuaString): number;
    lua_getglobal(L: LuaState, key: LuaString): number;
    lua_getmetatable(L: LuaState, index: number): boolean;
    lua_getinfo(L: LuaState, what: LuaString, ar: LuaDebug): number;
    lua_getstack(L: LuaState, level: number, ar: LuaDebug): number;
    lua_gettop(L: LuaState): number;
    lua_isnil(L: LuaState, index: number): boolean;
    lua_istable(L: LuaState, index: number): boolean;
    lua_isyieldable(L: LuaState): boolean;
    lua_newthread(L: LuaState): LuaState;
    lua_pcall(L: LuaState, args: number, results: number, handler: number): number;
    lua_pop(L: LuaState, n: number): void;
    lua_pushboolean(L: LuaState, b: boolean): void;
    lua_pushcfunction(L: LuaState, f: CFunction): void;
    lua_pushinteger(L: LuaState, n: number): void;
    lua_pushnil(L: LuaState): void;
    /** Pushes a value as it is. */
    lua_pushraw(L: LuaState, value: Value): void;
    lua_pushnumber(L: LuaState, n: number): void;
    lua_pushstring(L: LuaState, s: LuaString): void;
    lua_pushliteral(L: LuaState, s: string): void;
    lua_pushvalue(L: LuaState, index: number): void;
    lua_pushglobaltable(L: LuaState): void;
    lua_rawget(L: LuaState, index: number): number;
    lua_rawset(L: LuaState, index: number): void;
    lua_rawseti(L: LuaState, index: number, n: number): void;
    lua_remove(L: LuaState, index: number): void;
    lua_resume(L: LuaState, from: LuaState | null, args: number): number;
    lua_setfield(L: LuaState, index: number, key: LuaString): void;
    lua_setglobal(L: LuaState, key: LuaString): void;
    lua_setmetatable(L: LuaState, index: number): void;
    lua_settop(L: LuaState, index: number): void;
    lua_setupvalue(L: LuaState, index: number, n: number): unknown;
    lua_toboolean(L: LuaState, index: number): boolean;
    lua_tointeger(L: LuaState, index: number): number;
    lua_tothread(L: LuaState, index: number): LuaState | null;
    lua_tojsstring(L: LuaState, index: number): string | null;
    lua_tostring(L: LuaState, index: number): LuaString | null;
    lua_type(L: LuaState, index: number): number;
    lua_xmove(from: LuaState, to: LuaState, n: number): void;
    lua_yieldk<T>(L: LuaState, results: number, ctx: T, k: Continuation<T>): number;
  };
  lauxlib: {
    luaL_newstate(): LuaState;
    luaL_requiref(L: LuaState, name: LuaString, open: CFunction, global: boolean): void;
    luaL_loadbufferx(
      L: LuaState,
      code: LuaString,
      size: number,
      name: LuaString,
      mode: LuaString,
    ): number;
    luaL_checkstring(L: LuaState, index: number): LuaString;
    luaL_checktype(L: LuaState, index: number, type: number): void;
    luaL_error(L: LuaState, format: LuaString, ...args: (LuaString | number)[]): number;
    luaL_tolstring(L: LuaState, index: number): LuaString;
  };
  lobject: { luaO_chunkid(source: LuaString, length: number): LuaString };
  ltable: {
    luaH_new(L: LuaState): Table;
    luaH_count(table: Table): number;
    /** Keys and values in the order of `pairs`. */
    luaH_entries(table: Table): Iterable<[Value, Value]>;
  };
  lstate: { lua_State: new () => LuaState };
  lvalue: {
    Table: new () => Table;
    LClosure: new (p: Proto, upvalues: number) => LClosure;
    isfunction(value: Value): boolean;
    isinteger(value: Value): value is number;
    isnumber(value: Value): boolean;
    numberof(value: Value): number;
    tobin(bytes: LuaString): string;
    tobytes(value: string): LuaString;
  };
  budget: {
    steps: number;
    /** Counts the answers of the host: functions are hot that run much between two of them. */
    answers: number;
    check(L: LuaState): void;
    claim(L: LuaState, bytes: number): void;
  };
  STEPS: number;
  marks: {
    state: { on: boolean };
    userplace(L: LuaState, ci: CallInfo): Place | null;
  };
  packing: {
    Pool: new () => Pool;
    /** Makes a trusted function small that is kept; names and instructions are shared by the pool. */
    pack(p: Proto, pool: Pool): void;
    /** Makes it as if no program had run it; false when a program has it as JavaScript already. */
    reset(p: Proto): boolean;
  };
  foreseeing: {
    /** What an answer is taken to be: fields with their values, and fields that will be numbers. */
    answerof(
      fields: Readonly<Record<string, string | number | boolean>>,
      numbers: readonly string[],
    ): Table;
    /**
     * The host call that a thread which waits for one makes next, if that is answered with `answer`
     * alone; null when it is not certain, or none of `names`. Nothing is changed.
     */
    foresee(L: LuaState, answer: Table, names: ReadonlySet<string>): ForeseenCall | null;
  };
  math_seed(seed: number): void;
  libraries: Readonly<Record<string, CFunction>>;
  coroutines: {
    blocking(L: LuaState, call: unknown): void;
    /** An error went on under another text. */
    renamed(from: Value, to: Value): void;
  };
};

export = fengari;
