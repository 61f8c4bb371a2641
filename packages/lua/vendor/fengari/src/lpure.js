"use strict";

/*
** Rivet: natives as the evaluation that foresees calls them (lforesee.js): with what the script
** would see and a list of arguments, for a list of results. Each does what its native does where
** that is plain, and gives up otherwise, errors above all.
*/

const fast    = require('./lfast.js');
const lobject = require('./lobject.js');
const ltable  = require('./ltable.js');
const { SLOW } = require('./ljit.js');
const { LFloat, Table, isinteger, isnumber, ltype } = require('./lvalue.js');
const { STRING_MAX, UNKNOWN, give_up } = require('./lview.js');

const TYPES = ["nil", "boolean", "userdata", "number", "string", "table", "function", "userdata", "thread"];
const RESULTS_MAX = 250;

/* the form that generated code calls */
const short = function(forms) {
    return function(_view, args) {
        let form = forms[args.length];
        if (form === undefined) give_up();
        let v = form(null, ...args);
        return v === SLOW ? give_up() : [v];
    };
};

const text = function(v) {
    return typeof v === "string" ? v : give_up();
};

const integer = function(v) {
    return isinteger(v) ? v : give_up();
};

const astext = function(v) {
    if (typeof v === "string") return v;
    if (typeof v === "number" || v instanceof LFloat) return lobject.luaO_tostring(v);
    return v === undefined ? "nil" : typeof v === "boolean" ? String(v) : give_up();
};

const type = function(_view, args) {
    if (args.length === 0) give_up();
    return [args[0] === UNKNOWN ? "number" : TYPES[ltype(args[0])]];
};

const tostring = function(_view, args) {
    return args.length === 0 ? give_up() : [astext(args[0])];
};

const tonumber = function(_view, args) {
    if (args.length !== 1) give_up();
    let [v] = args;
    if (v === UNKNOWN || isnumber(v)) return [v];
    return typeof v === "string" && v.length <= 100 ? [lobject.luaO_tonumber(v)] : give_up();
};

const assert = function(_view, args) {
    return args[0] === undefined || args[0] === false ? give_up() : args;
};

const select = function(_view, args) {
    let [n, ...rest] = args;
    if (n === "#") return [rest.length];
    return integer(n) < 1 ? give_up() : rest.slice(n - 1);
};

const rawget = function(view, args) {
    if (args.length < 2 || args[1] === UNKNOWN || !(args[0] instanceof Table)) give_up();
    let v = ltable.luaH_get(view.at(args[0]), args[1]);
    return v === undefined && args[0] === view.answer ? give_up() : [v];
};

const next = function(view, args) {
    let t = view.walked(args[0]);
    view.spend(size(t));
    let at = ltable.luaH_after(t, args[1]);
    if (at === ltable.INVALID) give_up();
    return at < 0 ? [undefined] : [ltable.luaH_slotkey(t, at), ltable.luaH_slotvalue(t, at)];
};

/* what a step through the fields may cost, in instructions */
const size = function(t) {
    return (t.arr.length + t.h.length) >> 6;
};

const pairs = function(view, args) {
    view.walked(args[0]);
    return [next.native, args[0], undefined];
};

const ipairsaux = function(view, args) {
    let i = integer(args[1]) + 1;
    let v = view.get(args[0], i);
    return v === undefined ? [undefined] : [i, v];
};

const ipairs = function(_view, args) {
    return args[0] instanceof Table ? [ipairsaux.native, args[0], 0] : give_up();
};

const format = function(_view, args) {
    let at = 0;
    let out = text(args[0]).replace(/%(.?)/gs, (_, c) => {
        if (c === "%") return "%";
        if (++at >= args.length) give_up();
        if (c === "d") return String(integer(args[at]));
        return c === "s" ? astext(args[at]) : give_up();
    });
    return out.length > STRING_MAX ? give_up() : [out];
};

const rep = function(_view, args) {
    if (args.length !== 2) give_up();
    let n = integer(args[1]);
    return n > STRING_MAX || text(args[0]).length * n > STRING_MAX ? give_up() : [args[0].repeat(Math.max(n, 0))];
};

const ASCII_MAX = /^[\x00-\x7f]{0,1000}$/;

const upper = function(_view, args) {
    return ASCII_MAX.test(text(args[0])) ? [args[0].toUpperCase()] : give_up();
};

const lower = function(_view, args) {
    return ASCII_MAX.test(text(args[0])) ? [args[0].toLowerCase()] : give_up();
};

const concat = function(view, args) {
    if (args.length > 2) give_up();
    let t = view.walked(args[0]);
    let sep = args[1] === undefined ? "" : text(args[1]);
    let out = t.arr.map(v => v === undefined || typeof v === "boolean" ? give_up() : astext(v)).join(sep);
    return out.length > STRING_MAX ? give_up() : [out];
};

const insert = function(view, args) {
    if (args.length !== 2) give_up();
    view.set(args[0], view.length(args[0]) + 1, args[1]);
    return [];
};

const unpack = function(view, args) {
    if (args.length !== 1) give_up();
    let t = view.walked(args[0]);
    return t.arr.length > RESULTS_MAX ? give_up() : t.arr.slice();
};

/* 'natives' are those of a library by name */
const setpure = function(natives, forms) {
    for (let name in forms) {
        natives[name].pure = forms[name];
        forms[name].native = natives[name];
    }
};

const base = { assert, ipairs, next, pairs, rawget, select, tonumber, tostring, type };
const math = { floor: short(fast.math.floor), max: short(fast.math.max), min: short(fast.math.min) };
const string = { format, len: short(fast.string.len), lower, rep, sub: short(fast.string.sub), upper };
const table = { concat, insert, unpack };

module.exports.base      = base;
module.exports.ipairsaux = ipairsaux;
module.exports.math      = math;
module.exports.setpure   = setpure;
module.exports.string    = string;
module.exports.table     = table;
