"use strict";

const {
    constant_types: {
        LUA_TTABLE,
        LUA_TUSERDATA
    },
    to_luastring
} = require('./defs.js');
const ldo     = require('./ldo.js');
const lstate  = require('./lstate.js');
const ltable  = require('./ltable.js');
const ldebug  = require('./ldebug.js');
const lvm     = require('./lvm.js');
const { Table, Udata, ltype } = require('./lvalue.js');

const luaT_typenames_ = [
    "no value",
    "nil",
    "boolean",
    "userdata",
    "number",
    "string",
    "table",
    "function",
    "userdata",
    "thread",
    "proto" /* this last case is used for tests only */
];

const ttypename = function(t) {
    return to_luastring(luaT_typenames_[t + 1], true);
};


/*
* WARNING: if you change the order of this enumeration,
* grep "ORDER TM" and "ORDER OP"
*/
const TMS = {
    TM_INDEX:    0,
    TM_NEWINDEX: 1,
    TM_GC:       2,
    TM_MODE:     3,
    TM_LEN:      4,
    TM_EQ:       5,  /* last tag method with fast access */
    TM_ADD:      6,
    TM_SUB:      7,
    TM_MUL:      8,
    TM_MOD:      9,
    TM_POW:     10,
    TM_DIV:     11,
    TM_IDIV:    12,
    TM_BAND:    13 ,
    TM_BOR:     14,
    TM_BXOR:    15,
    TM_SHL:     16,
    TM_SHR:     17,
    TM_UNM:     18,
    TM_BNOT:    19,
    TM_LT:      20,
    TM_LE:      21,
    TM_CONCAT:  22,
    TM_CALL:    23,
    TM_N:       24  /* number of elements in the enum */
};

const tmname = [
    "__index", "__newindex", "__gc", "__mode", "__len", "__eq", "__add", "__sub", "__mul", "__mod",
    "__pow", "__div", "__idiv", "__band", "__bor", "__bxor", "__shl", "__shr", "__unm", "__bnot",
    "__lt", "__le", "__concat", "__call"
];

/*
** Return the name of the type of an object. For tables and userdata
** with metatable, use their '__name' metafield, if present.
*/
const luaT_objtypename = function(L, o) {
    let mt = o instanceof Table || o instanceof Udata ? o.metatable : null;
    if (mt !== null) {
        let name = ltable.luaH_getstr(mt, "__name");
        if (typeof name === "string") return name;
    }
    return luaT_typenames_[ltype(o) + 1];
};

const docall = function(L, func, nresults) {
    if (L.ci.callstatus & lstate.CIST_LUA)
        ldo.luaD_call(L, func, nresults);
    else
        ldo.luaD_callnoyield(L, func, nresults);
};

/* calls a metamethod that has a result */
const luaT_callTM = function(L, f, p1, p2) {
    let func = L.top;
    let stack = L.stack;
    stack[func] = f;
    stack[func + 1] = p1;
    stack[func + 2] = p2;
    L.top = func + 3;
    docall(L, func, 1);
    return stack[--L.top];
};

/* calls a metamethod that has none */
const luaT_callTMset = function(L, f, p1, p2, p3) {
    let func = L.top;
    let stack = L.stack;
    stack[func] = f;
    stack[func + 1] = p1;
    stack[func + 2] = p2;
    stack[func + 3] = p3;
    L.top = func + 4;
    docall(L, func, 0);
};

const luaT_findbinTM = function(L, p1, p2, event) {
    let tm = luaT_gettmbyobj(L, p1, event);
    return tm === undefined ? luaT_gettmbyobj(L, p2, event) : tm;
};

const luaT_trybinTM = function(L, p1, p2, event) {
    let tm = luaT_findbinTM(L, p1, p2, event);
    if (tm !== undefined) return luaT_callTM(L, tm, p1, p2);
    switch (event) {
        case TMS.TM_CONCAT:
            return ldebug.luaG_concaterror(L, p1, p2);
        case TMS.TM_BAND: case TMS.TM_BOR: case TMS.TM_BXOR:
        case TMS.TM_SHL: case TMS.TM_SHR: case TMS.TM_BNOT: {
            if (lvm.tonumber(p1) !== false && lvm.tonumber(p2) !== false)
                return ldebug.luaG_tointerror(L, p1, p2);
            else
                return ldebug.luaG_opinterror(L, p1, p2, "perform bitwise operation on");
        }
        default:
            return ldebug.luaG_opinterror(L, p1, p2, "perform arithmetic on");
    }
};

/* the answer of a metamethod that compares, null when there is none */
const luaT_callorderTM = function(L, p1, p2, event) {
    let tm = luaT_findbinTM(L, p1, p2, event);
    if (tm === undefined) return null;
    let res = luaT_callTM(L, tm, p1, p2);
    return res !== undefined && res !== false;
};

const fasttm = function(mt, e) {
    return mt === null || (mt.flags & (1 << e)) ? null : luaT_gettm(mt, e);
};

const luaT_gettm = function(events, event) {
    const tm = ltable.luaH_getstr(events, tmname[event]);
    if (tm === undefined) {  /* no tag method? */
        events.flags |= 1<<event;  /* cache this fact */
        return null;
    }
    else return tm;
};

const luaT_getmetatable = function(L, o) {
    let t = ltype(o);
    return t === LUA_TTABLE || t === LUA_TUSERDATA ? o.metatable : L.l_G.mt[t];
};

const luaT_gettmbyobj = function(L, o, event) {
    let mt = luaT_getmetatable(L, o);
    return mt ? ltable.luaH_getstr(mt, tmname[event]) : undefined;
};

module.exports.fasttm           = fasttm;
module.exports.TMS              = TMS;
module.exports.luaT_callTM      = luaT_callTM;
module.exports.luaT_callTMset   = luaT_callTMset;
module.exports.luaT_trybinTM    = luaT_trybinTM;
module.exports.luaT_callorderTM = luaT_callorderTM;
module.exports.luaT_getmetatable = luaT_getmetatable;
module.exports.luaT_gettmbyobj  = luaT_gettmbyobj;
module.exports.luaT_objtypename = luaT_objtypename;
module.exports.tmname           = tmname;
module.exports.ttypename        = ttypename;
