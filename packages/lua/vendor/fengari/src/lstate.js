"use strict";

const {
    LUA_MINSTACK,
    LUA_RIDX_GLOBALS,
    LUA_RIDX_MAINTHREAD,
    constant_types: {
        LUA_NUMTAGS,
        LUA_TTHREAD
    },
    thread_status: {
        LUA_OK
    }
} = require('./defs.js');
const { define }           = require('./lvalue.js');
const ldo                  = require('./ldo.js');
const lapi                 = require('./lapi.js');
const ltable               = require('./ltable.js');

const EXTRA_STACK = 5;

/* frames of a thread that may run as JavaScript; the interpreter runs those above */
const DEPTH_JS = 400;

const CIST_JS = 1<<1 | 1<<9;

const BASIC_STACK_SIZE = 2 * LUA_MINSTACK;

class CallInfo {

    constructor() {
        this.func = null;
        this.funcOff = 0;
        this.ret = 0;           /* where the results go */
        this.top = 0;
        this.previous = null;
        this.next = null;
        this.depth = 0;         /* how many frames are below */

        /* only for Lua functions */
        this.l_base = 0; /* base for this function */
        this.l_savedpc = 0; /* offset into the code */
        this.nvarargs = 0; /* arguments below the base */
        /* only for JS functions */
        this.c_k = null;  /* continuation in case of yields */
        this.c_old_errfunc = null;
        this.c_ctx = null;  /* context info. in case of yields */
        this.extra = 0;

        this.nresults = 0;
        this.callstatus = 0;
    }

}

class lua_State {

    constructor(g) {
        this.base_ci = new CallInfo(); /* CallInfo for first level (C calling Lua) */
        this.top = 0; /* first free slot in the stack */
        this.stack_last = 0; /* last free slot in the stack */
        this.openupval = []; /* variables in the stack that closures share, lowest first */
        this.nres = 0;   /* how many results the last function in JavaScript returned */
        this.rets = null; /* and all of them, when they are more than one */
        this.cs = CIST_JS; /* callstatus of the next function in JavaScript */
        this.tails = 0;  /* tail calls in JavaScript that are not over */

        /* preinit_thread */
        this.l_G = g;
        this.stack = null;
        this.ci = null;
        this.errorJmp = null;
        this.nCcalls = 0;
        this.nny = 1;
        this.status = LUA_OK;
        this.errfunc = 0;
        this.hostcall = null;  /* host call this thread waits for */
        this.isbranch = false; /* started by the host: has no coroutine around it to yield to */
        this.resumer = null;   /* thread that resumed this one */
    }

}

define(lua_State, LUA_TTHREAD);

class global_State {

    constructor() {
        this.id_counter = 1; /* used to give objects unique ids */
        this.ids = new WeakMap();

        this.mainthread = null;
        this.l_registry = null;
        this.panic = null;
        this.atnativeerror = null;
        this.syntaxerror = null; /* place of the last syntax error */
        this.version = null;
        this.mt = new Array(LUA_NUMTAGS).fill(null);
    }

}

/* CallInfos are used again by the next call at their depth, except those below DEPTH_JS */
const luaE_extendCI = function(L) {
    let prev = L.ci;
    let ci = prev.next;
    if (ci === null) {
        ci = new CallInfo();
        ci.previous = prev;
        ci.depth = prev.depth + 1;
        if (prev.depth !== DEPTH_JS) prev.next = ci;
    }
    L.ci = ci;
    return ci;
};

const stack_init = function(L1) {
    L1.stack = new Array(BASIC_STACK_SIZE).fill(undefined);
    L1.top = 0;
    L1.stack_last = BASIC_STACK_SIZE - EXTRA_STACK;
    /* initialize first ci */
    let ci = L1.base_ci;
    L1.top++;
    ci.top = L1.top + LUA_MINSTACK;
    L1.ci = ci;
};

/*
** Create registry table and its predefined values
*/
const init_registry = function(L, g) {
    let registry = ltable.luaH_new(L);
    g.l_registry = registry;
    ltable.luaH_setint(registry, LUA_RIDX_MAINTHREAD, L);
    ltable.luaH_setint(registry, LUA_RIDX_GLOBALS, ltable.luaH_new(L));
};

/*
** open parts of the state that may cause memory-allocation errors.
** ('g->version' !== NULL flags that the state was completely build)
*/
const f_luaopen = function(L) {
    let g = L.l_G;
    stack_init(L);
    init_registry(L, g);
    g.version = lapi.lua_version(null);
};

const lua_newthread = function(L) {
    let L1 = new lua_State(L.l_G);
    L.stack[L.top] = L1;
    lapi.api_incr_top(L);
    stack_init(L1);
    return L1;
};

const lua_newstate = function() {
    let g = new global_State();
    let L = new lua_State(g);
    g.mainthread = L;

    if (ldo.luaD_rawrunprotected(L, f_luaopen, null) !== LUA_OK) {
        L = null;
    }

    return L;
};

module.exports.lua_State       = lua_State;
module.exports.CallInfo        = CallInfo;
module.exports.CIST_OAH        = (1<<0);  /* original value of 'allowhook' */
module.exports.CIST_LUA        = (1<<1);  /* call is running a Lua function */
module.exports.CIST_HOOKED     = (1<<2);  /* call is running a debug hook */
module.exports.CIST_FRESH      = (1<<3);  /* call is running on a fresh invocation of luaV_execute */
module.exports.CIST_YPCALL     = (1<<4);  /* call is a yieldable protected call */
module.exports.CIST_TAIL       = (1<<5);  /* call was tail called */
module.exports.CIST_HOOKYIELD  = (1<<6);  /* last hook called yielded */
module.exports.CIST_LEQ        = (1<<7);  /* using __lt for __le */
module.exports.CIST_FIN        = (1<<8);   /* call is running a finalizer */
module.exports.CIST_JS         = CIST_JS;    /* ... whose registers are those of JavaScript */
module.exports.DEPTH_JS        = DEPTH_JS;
module.exports.EXTRA_STACK     = EXTRA_STACK;
module.exports.lua_newstate    = lua_newstate;
module.exports.lua_newthread   = lua_newthread;
module.exports.luaE_extendCI   = luaE_extendCI;
