"use strict";

/*
** Rivet: short forms of natives for generated code, without a frame and the stack. Each does what
** its native does where that is plain, and leaves all else, errors above all, to it (SLOW). They
** have one result.
*/

const lobject = require('./lobject.js');
const ltable  = require('./ltable.js');
const { LFloat, Table, isinteger, ltype } = require('./lvalue.js');
const { SLOW } = require('./ljit.js');

const TYPES = ["nil", "boolean", "userdata", "number", "string", "table", "function", "userdata", "thread"];

const type = function(_L, v) {
    return TYPES[ltype(v)];
};

const tostring = function(_L, v) {
    if (typeof v === "string") return v;
    return typeof v === "number" || v instanceof LFloat ? lobject.luaO_tostring(v) : SLOW;
};

const tonumber = function(_L, v) {
    if (typeof v === "number" || v instanceof LFloat) return v;
    return typeof v === "string" ? lobject.luaO_tonumber(v) : SLOW;
};

const rawget = function(_L, t, key) {
    return t instanceof Table ? ltable.luaH_get(t, key) : SLOW;
};

const setmetatable = function(_L, t, mt) {
    if (!(t instanceof Table) || !(mt instanceof Table) || t.metatable !== null || t.ro !== null) return SLOW;
    t.metatable = mt;
    return t;
};

const getmetatable = function(_L, t) {
    if (!(t instanceof Table)) return SLOW;
    if (t.metatable === null) return undefined;
    return ltable.luaH_getstr(t.metatable, "__metatable") === undefined ? t.metatable : SLOW;
};

const floor = function(_L, v) {
    if (typeof v !== "number") return SLOW;
    let f = Math.floor(v);
    return Number.isSafeInteger(f) ? f + 0 : SLOW;
};

const max = function(_L, a, b) {
    return isinteger(a) && isinteger(b) ? (a < b ? b : a) : SLOW;
};

const min = function(_L, a, b) {
    return isinteger(a) && isinteger(b) ? (b < a ? b : a) : SLOW;
};

const len = function(_L, s) {
    return typeof s === "string" ? s.length : SLOW;
};

const byte = function(_L, s, i) {
    if (typeof s !== "string" || !isinteger(i) || i < 1 || i > s.length) return SLOW;
    return s.charCodeAt(i - 1);
};

const SLICE_MAX = 1 << 18; /* slices of longer strings may be copied */

const sub = function(_L, s, i, j) {
    if (typeof s !== "string" || s.length >= SLICE_MAX || !isinteger(i) || !isinteger(j) || i < 1) return SLOW;
    if (j < 0) j += s.length + 1;
    return i > j ? "" : s.slice(i - 1, j);
};

const subrest = function(L, s, i) {
    return sub(L, s, i, -1);
};

/* 'natives' are those of a library by name */
const setfast = function(natives, forms) {
    for (let name in forms) {
        for (let count in forms[name]) natives[name]["fast" + count] = forms[name][count];
    }
};

const base = {
    type: { 1: type },
    tostring: { 1: tostring },
    tonumber: { 1: tonumber },
    rawget: { 2: rawget },
    setmetatable: { 2: setmetatable },
    getmetatable: { 1: getmetatable }
};
const math = { floor: { 1: floor }, max: { 2: max }, min: { 2: min } };
const string = { len: { 1: len }, byte: { 2: byte }, sub: { 2: subrest, 3: sub } };

module.exports.base    = base;
module.exports.math    = math;
module.exports.setfast = setfast;
module.exports.string  = string;
