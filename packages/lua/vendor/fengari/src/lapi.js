"use strict";

const {
    LUA_MULTRET,
    LUA_OPEQ,
    LUA_OPLE,
    LUA_OPLT,
    LUA_REGISTRYINDEX,
    LUA_RIDX_GLOBALS,
    LUA_VERSION_NUM,
    constant_types: {
        LUA_NUMTAGS,
        LUA_TBOOLEAN,
        LUA_TFUNCTION,
        LUA_TLIGHTUSERDATA,
        LUA_TNIL,
        LUA_TNONE,
        LUA_TTABLE,
        LUA_TTHREAD,
        LUA_TUSERDATA
    },
    thread_status: { LUA_OK },
    from_userstring,
    to_luastring,
} = require('./defs.js');
const { api_check } = require('./llimits.js');
const { claim } = require('./lbudget.js');
const ldebug    = require('./ldebug.js');
const ldo       = require('./ldo.js');
const lfunc     = require('./lfunc.js');
const lobject   = require('./lobject.js');
const lstate    = require('./lstate.js');
const ltm       = require('./ltm.js');
const { LUAI_MAXSTACK } = require('./luaconf.js');
const lvm       = require('./lvm.js');
const ltable    = require('./ltable.js');
const {
    CClosure,
    LClosure,
    LightUD,
    Table,
    Udata,
    isinteger,
    isnumber,
    ltype,
    mkflt,
    tobin,
    tobytes
} = require('./lvalue.js');
const { ZIO } = require('./lzio.js');

const NONE = Symbol("none"); /* what stands at an index where no value is */

const api_incr_top = function(L) {
    L.top++;
    api_check(L, L.top <= L.ci.top, "stack overflow");
};

const push = function(L, v) {
    L.stack[L.top++] = v;
    api_check(L, L.top <= L.ci.top, "stack overflow");
};

const pop = function(L) {
    let v = L.stack[--L.top];
    L.stack[L.top] = undefined;
    return v;
};

const api_checknelems = function(L, n) {
    api_check(L, n < (L.top - L.ci.funcOff), "not enough elements in the stack");
};

const fengari_argcheck = function(c) {
    if (!c) throw TypeError("invalid argument");
};

const fengari_argcheckinteger = function(n) {
    fengari_argcheck(Number.isSafeInteger(n));
};

const lua_version = function(L) {
    if (L === null) return LUA_VERSION_NUM;
    else return L.l_G.version;
};

const lua_atpanic = function(L, panicf) {
    let old = L.l_G.panic;
    L.l_G.panic = panicf;
    return old;
};

const lua_atnativeerror = function(L, errorf) {
    let old = L.l_G.atnativeerror;
    L.l_G.atnativeerror = errorf;
    return old;
};

/* the value at an index, NONE when there is none */
const valueat = function(L, idx) {
    let ci = L.ci;
    if (idx > 0) {
        let o = ci.funcOff + idx;
        api_check(L, idx <= ci.top - (ci.funcOff + 1), "unacceptable index");
        return o >= L.top ? NONE : L.stack[o];
    } else if (idx > LUA_REGISTRYINDEX) {
        api_check(L, idx !== 0 && -idx <= L.top, "invalid index");
        return L.stack[L.top + idx];
    } else if (idx === LUA_REGISTRYINDEX) {
        return L.l_G.l_registry;
    } else { /* upvalues */
        idx = LUA_REGISTRYINDEX - idx;
        api_check(L, idx <= lfunc.MAXUPVAL + 1, "upvalue index too large");
        if (!(ci.func instanceof CClosure)) return NONE; /* it has no upvalues */
        return idx <= ci.func.nupvalues ? ci.func.upvalue[idx - 1] : NONE;
    }
};

/* the same; nil when there is none */
const value = function(L, idx) {
    let v = valueat(L, idx);
    return v === NONE ? undefined : v;
};

/* the slot of an index */
const slot = function(L, idx) {
    let ci = L.ci;
    if (idx > 0) {
        api_check(L, idx <= ci.top - (ci.funcOff + 1), "unacceptable index");
        return ci.funcOff + idx;
    } else if (idx > LUA_REGISTRYINDEX) {
        api_check(L, idx !== 0 && -idx <= L.top, "invalid index");
        return L.top + idx;
    } else { /* registry or upvalue */
        throw Error("attempt to use pseudo-index");
    }
};

const tableat = function(L, idx) {
    let t = value(L, idx);
    api_check(L, t instanceof Table, "table expected");
    return t;
};

const globals = function(L) {
    return ltable.luaH_getint(L.l_G.l_registry, LUA_RIDX_GLOBALS);
};

const lua_checkstack = function(L, n) {
    let res;
    let ci = L.ci;
    api_check(L, n >= 0, "negative 'n'");
    if (L.stack_last - L.top > n) /* stack large enough? */
        res = true;
    else { /* no; need to grow stack */
        let inuse = L.top + lstate.EXTRA_STACK;
        if (inuse > LUAI_MAXSTACK - n)  /* can grow without overflow? */
            res = false;  /* no */
        else { /* try to grow stack */
            ldo.luaD_growstack(L, n);
            res = true;
        }
    }

    if (res && ci.top < L.top + n)
        ci.top = L.top + n;  /* adjust frame top */

    return res;
};

const lua_xmove = function(from, to, n) {
    if (from === to) return;
    api_checknelems(from, n);
    api_check(from, from.l_G === to.l_G, "moving among independent states");
    api_check(from, to.ci.top - to.top >= n, "stack overflow");
    from.top -= n;
    for (let i = 0; i < n; i++) {
        to.stack[to.top++] = from.stack[from.top + i];
        from.stack[from.top + i] = undefined;
    }
};

/*
** basic stack manipulation
*/

/*
** convert an acceptable stack index into an absolute index
*/
const lua_absindex = function(L, idx) {
    return (idx > 0 || idx <= LUA_REGISTRYINDEX)
        ? idx
        : (L.top - L.ci.funcOff) + idx;
};

const lua_gettop = function(L) {
    return L.top - (L.ci.funcOff + 1);
};

const lua_pushvalue = function(L, idx) {
    push(L, value(L, idx));
};

/* pushes a value as the VM holds it */
const lua_pushraw = push;

const lua_settop = function(L, idx) {
    let func = L.ci.funcOff;
    let newtop;
    if (idx >= 0) {
        api_check(L, idx <= L.stack_last - (func + 1), "new top too large");
        newtop = func + 1 + idx;
    } else {
        api_check(L, -(idx + 1) <= L.top - (func + 1), "invalid new top");
        newtop = L.top + idx + 1; /* 'subtract' index (index is negative) */
    }
    ldo.adjust_top(L, newtop);
};

const lua_pop = function(L, n) {
    lua_settop(L, -n - 1);
};

const reverse = function(L, from, to) {
    let stack = L.stack;
    for (; from < to; from++, to--) {
        let temp = stack[from];
        stack[from] = stack[to];
        stack[to] = temp;
    }
};

/*
** Let x = AB, where A is a prefix of length 'n'. Then,
** rotate x n === BA. But BA === (A^r . B^r)^r.
*/
const lua_rotate = function(L, idx, n) {
    let t = L.top - 1;
    let p = slot(L, idx);
    api_check(L, (n >= 0 ? n : -n) <= (t - p + 1), "invalid 'n'");
    let m = n >= 0 ? t - n : p - n - 1;  /* end of prefix */
    reverse(L, p, m);
    reverse(L, m + 1, L.top - 1);
    reverse(L, p, L.top - 1);
};

const lua_copy = function(L, fromidx, toidx) {
    L.stack[slot(L, toidx)] = value(L, fromidx);
};

const lua_remove = function(L, idx) {
    lua_rotate(L, idx, -1);
    lua_pop(L, 1);
};

const lua_insert = function(L, idx) {
    lua_rotate(L, idx, 1);
};

const lua_replace = function(L, idx) {
    lua_copy(L, -1, idx);
    lua_pop(L, 1);
};

/*
** push functions (JS -> stack)
*/

const lua_pushnil = function(L) {
    push(L, undefined);
};

const lua_pushnumber = function(L, n) {
    fengari_argcheck(typeof n === "number");
    push(L, mkflt(n));
};

const lua_pushinteger = function(L, n) {
    fengari_argcheckinteger(n);
    push(L, n + 0);
};

/* pushes a string whose characters are bytes */
const lua_pushbin = function(L, s) {
    claim(L, s.length);
    push(L, s);
};

const lua_pushlstring = function(L, s, len) {
    fengari_argcheckinteger(len);
    s = from_userstring(s);
    api_check(L, s.length >= len, "invalid length to lua_pushlstring");
    lua_pushbin(L, tobin(s.subarray(0, len)));
};

const lua_pushstring = function (L, s) {
    if (s === undefined || s === null) push(L, undefined);
    else lua_pushbin(L, tobin(s));
    return s;
};

const lua_pushvfstring = function (L, fmt, argp) {
    return lobject.luaO_pushvfstring(L, fmt, argp);
};

const lua_pushfstring = function (L, fmt, ...argp) {
    return lobject.luaO_pushvfstring(L, fmt, argp);
};

/* Similar to lua_pushstring, but takes a JS string */
const lua_pushliteral = function (L, s) {
    fengari_argcheck(s === undefined || s === null || typeof s === "string");
    lua_pushstring(L, s);
};

const lua_pushcclosure = function(L, fn, n) {
    fengari_argcheck(typeof fn === "function");
    fengari_argcheckinteger(n);
    if (n === 0) {
        push(L, fn);
        return;
    }
    api_checknelems(L, n);
    api_check(L, n <= lfunc.MAXUPVAL, "upvalue index too large");
    let cl = new CClosure(fn, n);
    for (let i = n - 1; i >= 0; i--) cl.upvalue[i] = pop(L);
    push(L, cl);
};

const lua_pushcfunction = function(L, fn) {
    lua_pushcclosure(L, fn, 0);
};

const lua_pushboolean = function(L, b) {
    push(L, !!b);
};

const lua_pushlightuserdata = function(L, p) {
    push(L, new LightUD(p));
};

const lua_pushthread = function(L) {
    push(L, L);
    return L.l_G.mainthread === L;
};

const lua_pushglobaltable = function(L) {
    push(L, globals(L));
};

/*
** set functions (stack -> Lua)
*/

const lua_setglobal = function(L, name) {
    lvm.setindex(L, globals(L), tobin(name), pop(L));
};

const lua_setmetatable = function(L, objindex) {
    api_checknelems(L, 1);
    let obj = value(L, objindex);
    let mt = pop(L);
    api_check(L, mt === undefined || mt instanceof Table, "table expected");
    if (mt === undefined) mt = null;
    if (obj instanceof Table) {
        if (obj.ro !== null) ltable.readonlyerror(L, obj);
        obj.metatable = mt;
    } else if (obj instanceof Udata)
        obj.metatable = mt;
    else
        L.l_G.mt[ltype(obj)] = mt;
    return true;
};

const lua_settable = function(L, idx) {
    api_checknelems(L, 2);
    let t = value(L, idx);
    lvm.setindex(L, t, L.stack[L.top - 2], L.stack[L.top - 1]);
    lua_pop(L, 2);
};

const lua_setfield = function(L, idx, k) {
    api_checknelems(L, 1);
    lvm.setindex(L, value(L, idx), tobin(k), L.stack[L.top - 1]);
    lua_pop(L, 1);
};

const lua_seti = function(L, idx, n) {
    api_checknelems(L, 1);
    lvm.setindex(L, value(L, idx), n, L.stack[L.top - 1]);
    lua_pop(L, 1);
};

const lua_rawset = function(L, idx) {
    api_checknelems(L, 2);
    ltable.luaH_setfrom(L, tableat(L, idx), L.stack[L.top - 2], L.stack[L.top - 1]);
    lua_pop(L, 2);
};

const lua_rawseti = function(L, idx, n) {
    fengari_argcheckinteger(n);
    api_checknelems(L, 1);
    ltable.luaH_setfrom(L, tableat(L, idx), n, L.stack[L.top - 1]);
    lua_pop(L, 1);
};

/*
** get functions (Lua -> stack)
*/

const lua_rawgeti = function(L, idx, n) {
    fengari_argcheckinteger(n);
    let v = ltable.luaH_getint(tableat(L, idx), n);
    push(L, v);
    return ltype(v);
};

const lua_rawget = function(L, idx) {
    let v = ltable.luaH_get(tableat(L, idx), L.stack[L.top - 1]);
    L.stack[L.top - 1] = v;
    return ltype(v);
};

// narray and nrec are mostly useless for this implementation
const lua_createtable = function(L, _narray, _nrec) {
    push(L, new Table());
};

const lua_newtable = function(L) {
    lua_createtable(L, 0, 0);
};

const lua_getupvalue = function(L, funcindex, n) {
    let f = value(L, funcindex);
    if (!(f instanceof LClosure) || n < 1 || n > f.nupvalues) return null;
    let uv = f.upvals[n - 1];
    push(L, uv.s[uv.i]);
    let name = f.p.upvalues[n - 1].name;
    return name ? name.getstr() : to_luastring("(*no name)", true);
};

const lua_setupvalue = function(L, funcindex, n) {
    let f = value(L, funcindex);
    api_checknelems(L, 1);
    if (!(f instanceof LClosure) || n < 1 || n > f.nupvalues) return null;
    let uv = f.upvals[n - 1];
    uv.s[uv.i] = pop(L);
    let name = f.p.upvalues[n - 1].name;
    return name ? name.getstr() : to_luastring("(*no name)", true);
};

const lua_getmetatable = function(L, objindex) {
    let mt = ltm.luaT_getmetatable(L, value(L, objindex));
    if (mt === null || mt === undefined) return false;
    push(L, mt);
    return true;
};

const lua_gettable = function(L, idx) {
    let v = lvm.index(L, value(L, idx), L.stack[L.top - 1]);
    L.stack[L.top - 1] = v;
    return ltype(v);
};

const lua_getfield = function(L, idx, k) {
    let v = lvm.index(L, value(L, idx), tobin(k));
    push(L, v);
    return ltype(v);
};

const lua_geti = function(L, idx, n) {
    let v = lvm.index(L, value(L, idx), n);
    push(L, v);
    return ltype(v);
};

const lua_getglobal = function(L, name) {
    let v = lvm.index(L, globals(L), tobin(name));
    push(L, v);
    return ltype(v);
};

/*
** access functions (stack -> JS)
*/

/* a value as the VM holds it, nil where there is none */
const lua_toraw = value;

const lua_toboolean = function(L, idx) {
    return !lvm.isfalse(value(L, idx));
};

/* the string at an index, one character a byte; null when the value is no string and no number */
const lua_tobin = function(L, idx) {
    let o = value(L, idx);
    if (typeof o === "string") return o;
    if (!isnumber(o)) return null;
    let s = lobject.luaO_tostring(o);
    if (idx > LUA_REGISTRYINDEX) L.stack[slot(L, idx)] = s;
    return s;
};

const lua_tolstring = function(L, idx) {
    let s = lua_tobin(L, idx);
    if (s !== null) claim(L, s.length);  /* a copy */
    return s === null ? null : tobytes(s);
};

const lua_tostring =  lua_tolstring;

const lua_tojsstring = function(L, idx) {
    let s = lua_tobin(L, idx);
    return s === null ? null : Buffer.from(s, "latin1").toString("utf8");
};

const lua_rawlen = function(L, idx) {
    let o = value(L, idx);
    if (typeof o === "string") return o.length;
    if (o instanceof Table) return ltable.luaH_getn(o);
    return o instanceof Udata ? o.len : 0;
};

const lua_tocfunction = function(L, idx) {
    let o = value(L, idx);
    return typeof o === "function" || o instanceof CClosure ? o : null;
};

const lua_tointegerx = function(L, idx) {
    return lvm.tointeger(value(L, idx));
};

const lua_tointeger = function(L, idx) {
    let n = lua_tointegerx(L, idx);
    return n === false ? 0 : n;
};

const lua_tonumberx = function(L, idx) {
    return lvm.tonumber(value(L, idx));
};

const lua_tonumber = function(L, idx) {
    let n = lua_tonumberx(L, idx);
    return n === false ? 0 : n;
};

const lua_touserdata = function(L, idx) {
    let o = value(L, idx);
    if (o instanceof LightUD) return o.p;
    return o instanceof Udata ? o.data : null;
};

const lua_tothread = function(L, idx) {
    let o = value(L, idx);
    return o instanceof lstate.lua_State ? o : null;
};

const lua_topointer = function(L, idx) {
    let o = value(L, idx);
    return typeof o === "object" || typeof o === "function" ? o : null;
};

const lua_compare = function(L, index1, index2, op) {
    let o1 = valueat(L, index1);
    let o2 = valueat(L, index2);
    if (o1 === NONE || o2 === NONE) return false;
    switch (op) {
        case LUA_OPEQ: return lvm.luaV_equalobj(L, o1, o2);
        case LUA_OPLT: return lvm.luaV_lessthan(L, o1, o2);
        case LUA_OPLE: return lvm.luaV_lessequal(L, o1, o2);
        default: api_check(L, false, "invalid option");
    }
};

const lua_type = function(L, idx) {
    let o = valueat(L, idx);
    return o === NONE ? LUA_TNONE : ltype(o);
};

const lua_typename = function(L, t) {
    api_check(L, LUA_TNONE <= t && t < LUA_NUMTAGS, "invalid tag");
    return ltm.ttypename(t);
};

const lua_iscfunction = function(L, idx) {
    return lua_tocfunction(L, idx) !== null;
};

const lua_isnil = function(L, n) {
    return lua_type(L, n) === LUA_TNIL;
};

const lua_isboolean = function(L, n) {
    return lua_type(L, n) === LUA_TBOOLEAN;
};

const lua_isnone = function(L, n) {
    return lua_type(L, n) === LUA_TNONE;
};

const lua_isnoneornil = function(L, n) {
    return lua_type(L, n) <= 0;
};

const lua_istable = function(L, idx) {
    return value(L, idx) instanceof Table;
};

const lua_isinteger = function(L, idx) {
    return isinteger(value(L, idx));
};

const lua_isnumber = function(L, idx) {
    return lvm.tonumber(value(L, idx)) !== false;
};

const lua_isstring = function(L, idx) {
    let o = value(L, idx);
    return typeof o === "string" || isnumber(o);
};

const lua_isuserdata = function(L, idx) {
    let t = lua_type(L, idx);
    return t === LUA_TUSERDATA || t === LUA_TLIGHTUSERDATA;
};

const lua_isthread = function(L, idx) {
    return lua_type(L, idx) === LUA_TTHREAD;
};

const lua_isfunction = function(L, idx) {
    return lua_type(L, idx) === LUA_TFUNCTION;
};

const lua_islightuserdata = function(L, idx) {
    return lua_type(L, idx) === LUA_TLIGHTUSERDATA;
};

const lua_rawequal = function(L, index1, index2) {
    let o1 = valueat(L, index1);
    let o2 = valueat(L, index2);
    return o1 !== NONE && o2 !== NONE && lvm.luaV_rawequalobj(o1, o2);
};

/*
** 'load' and 'call' functions (run Lua code)
*/

const default_chunkname = to_luastring("?");
const lua_load = function(L, reader, data, chunkname, mode) {
    if (!chunkname) chunkname = default_chunkname;
    else chunkname = from_userstring(chunkname);
    if (mode !== null) mode = from_userstring(mode);
    let z = new ZIO(L, reader, data);
    let status = ldo.luaD_protectedparser(L, z, chunkname, mode);
    if (status === LUA_OK) {  /* no errors? */
        let f = L.stack[L.top - 1]; /* get newly created function */
        if (f.nupvalues >= 1)  /* does it have an upvalue? */
            f.upvals[0].s[f.upvals[0].i] = globals(L);  /* set global table as 1st upvalue of 'f' (may be LUA_ENV) */
    }
    return status;
};

const lua_status = function(L) {
    return L.status;
};

const checkresults = function(L,na,nr) {
    api_check(L, nr === LUA_MULTRET || (L.ci.top - L.top >= (nr) - (na)),
        "results from function overflow current stack size");
};

const lua_callk = function(L, nargs, nresults, ctx, k) {
    api_checknelems(L, nargs + 1);
    api_check(L, L.status === LUA_OK, "cannot do calls on non-normal thread");
    checkresults(L, nargs, nresults);
    let func = L.top - (nargs + 1);
    if (k !== null && L.nny === 0) { /* need to prepare continuation? */
        L.ci.c_k = k;
        L.ci.c_ctx = ctx;
        ldo.luaD_call(L, func, nresults);
    } else { /* no continuation or no yieldable */
        ldo.luaD_callnoyield(L, func, nresults);
    }

    if (nresults === LUA_MULTRET && L.ci.top < L.top)
        L.ci.top = L.top;
};

const lua_call = function(L, n, r) {
    lua_callk(L, n, r, 0, null);
};

const f_call = function(L, ud) {
    ldo.luaD_callnoyield(L, ud.funcOff, ud.nresults);
};

const f_callk = function(L, ud) {
    ldo.luaD_call(L, ud.funcOff, ud.nresults);
};

const lua_pcallk = function(L, nargs, nresults, errfunc, ctx, k) {
    api_checknelems(L, nargs + 1);
    api_check(L, L.status === LUA_OK, "cannot do calls on non-normal thread");
    checkresults(L, nargs, nresults);
    let status;
    let func = errfunc === 0 ? 0 : slot(L, errfunc);
    let funcOff = L.top - (nargs + 1); /* function to be called */
    let c = { funcOff: funcOff, nresults: nresults };
    if (k === null || L.nny > 0) { /* no continuation or no yieldable? */
        status = ldo.luaD_pcall(L, f_call, c, funcOff, func);  /* do a 'conventional' protected call */
    } else { /* prepare continuation: 'resume' goes on with it after a yield, which unwinds this call */
        let ci = L.ci;
        ci.c_k = k;
        ci.c_ctx = ctx;
        /* save information for error recovery */
        ci.extra = funcOff;
        ci.c_old_errfunc = L.errfunc;
        ci.callstatus |= lstate.CIST_YPCALL;  /* function can do error recovery */
        status = ldo.luaD_pcall(L, f_callk, c, funcOff, func);
        ci.callstatus &= ~lstate.CIST_YPCALL;
    }

    if (nresults === LUA_MULTRET && L.ci.top < L.top)
        L.ci.top = L.top;

    return status;
};

const lua_pcall = function(L, n, r, f) {
    return lua_pcallk(L, n, r, f, 0, null);
};

/*
** miscellaneous functions
*/

const lua_error = function(L) {
    api_checknelems(L, 1);
    ldebug.luaG_errormsg(L);
};

const lua_next = function(L, idx) {
    let t = tableat(L, idx);
    let pos = ltable.luaH_next(L, t, L.stack[L.top - 1]);
    if (pos < 0) {
        pop(L);
        return 0;
    }
    L.stack[L.top - 1] = ltable.luaH_slotkey(t, pos);
    push(L, ltable.luaH_slotvalue(t, pos));
    return 1;
};

const lua_concat = function(L, n) {
    api_checknelems(L, n);
    if (n >= 2)
        lvm.luaV_concat(L, n);
    else if (n === 0)
        push(L, "");
};

const lua_len = function(L, idx) {
    push(L, lvm.luaV_objlen(L, value(L, idx)));
};

module.exports.api_checknelems = api_checknelems;
module.exports.api_incr_top = api_incr_top;
module.exports.lua_absindex = lua_absindex;
module.exports.lua_atnativeerror = lua_atnativeerror;
module.exports.lua_atpanic = lua_atpanic;
module.exports.lua_call = lua_call;
module.exports.lua_callk = lua_callk;
module.exports.lua_checkstack = lua_checkstack;
module.exports.lua_compare = lua_compare;
module.exports.lua_concat = lua_concat;
module.exports.lua_copy = lua_copy;
module.exports.lua_createtable = lua_createtable;
module.exports.lua_error = lua_error;
module.exports.lua_getfield = lua_getfield;
module.exports.lua_getglobal = lua_getglobal;
module.exports.lua_geti = lua_geti;
module.exports.lua_getmetatable = lua_getmetatable;
module.exports.lua_gettable = lua_gettable;
module.exports.lua_gettop = lua_gettop;
module.exports.lua_getupvalue = lua_getupvalue;
module.exports.lua_insert = lua_insert;
module.exports.lua_isboolean = lua_isboolean;
module.exports.lua_iscfunction = lua_iscfunction;
module.exports.lua_isfunction = lua_isfunction;
module.exports.lua_isinteger = lua_isinteger;
module.exports.lua_islightuserdata = lua_islightuserdata;
module.exports.lua_isnil = lua_isnil;
module.exports.lua_isnone = lua_isnone;
module.exports.lua_isnoneornil = lua_isnoneornil;
module.exports.lua_isnumber = lua_isnumber;
module.exports.lua_isstring = lua_isstring;
module.exports.lua_istable = lua_istable;
module.exports.lua_isthread = lua_isthread;
module.exports.lua_isuserdata = lua_isuserdata;
module.exports.lua_len = lua_len;
module.exports.lua_load = lua_load;
module.exports.lua_newtable = lua_newtable;
module.exports.lua_next = lua_next;
module.exports.lua_pcall = lua_pcall;
module.exports.lua_pcallk = lua_pcallk;
module.exports.lua_pop = lua_pop;
module.exports.lua_pushbin = lua_pushbin;
module.exports.lua_pushboolean = lua_pushboolean;
module.exports.lua_pushcclosure = lua_pushcclosure;
module.exports.lua_pushcfunction = lua_pushcfunction;
module.exports.lua_pushfstring = lua_pushfstring;
module.exports.lua_pushglobaltable = lua_pushglobaltable;
module.exports.lua_pushinteger = lua_pushinteger;
module.exports.lua_pushlightuserdata = lua_pushlightuserdata;
module.exports.lua_pushliteral = lua_pushliteral;
module.exports.lua_pushlstring = lua_pushlstring;
module.exports.lua_pushnil = lua_pushnil;
module.exports.lua_pushnumber = lua_pushnumber;
module.exports.lua_pushraw = lua_pushraw;
module.exports.lua_pushstring = lua_pushstring;
module.exports.lua_pushthread = lua_pushthread;
module.exports.lua_pushvalue = lua_pushvalue;
module.exports.lua_pushvfstring = lua_pushvfstring;
module.exports.lua_rawequal = lua_rawequal;
module.exports.lua_rawget = lua_rawget;
module.exports.lua_rawgeti = lua_rawgeti;
module.exports.lua_rawlen = lua_rawlen;
module.exports.lua_rawset = lua_rawset;
module.exports.lua_rawseti = lua_rawseti;
module.exports.lua_remove = lua_remove;
module.exports.lua_replace = lua_replace;
module.exports.lua_rotate = lua_rotate;
module.exports.lua_setfield = lua_setfield;
module.exports.lua_setglobal = lua_setglobal;
module.exports.lua_seti = lua_seti;
module.exports.lua_setmetatable = lua_setmetatable;
module.exports.lua_settable = lua_settable;
module.exports.lua_settop = lua_settop;
module.exports.lua_setupvalue = lua_setupvalue;
module.exports.lua_status = lua_status;
module.exports.lua_tobin = lua_tobin;
module.exports.lua_toboolean = lua_toboolean;
module.exports.lua_tocfunction = lua_tocfunction;
module.exports.lua_tointeger = lua_tointeger;
module.exports.lua_tointegerx = lua_tointegerx;
module.exports.lua_tojsstring = lua_tojsstring;
module.exports.lua_tolstring = lua_tolstring;
module.exports.lua_tonumber = lua_tonumber;
module.exports.lua_tonumberx = lua_tonumberx;
module.exports.lua_topointer = lua_topointer;
module.exports.lua_toraw = lua_toraw;
module.exports.lua_tostring = lua_tostring;
module.exports.lua_tothread = lua_tothread;
module.exports.lua_touserdata = lua_touserdata;
module.exports.lua_type = lua_type;
module.exports.lua_typename = lua_typename;
module.exports.lua_version = lua_version;
module.exports.lua_xmove = lua_xmove;
