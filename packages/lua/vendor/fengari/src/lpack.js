"use strict";

/*
** Rivet: compiled code of the host's own that is kept for long, made small. What is equal is there
** once, lists have no room to grow, and what only a user's code needs goes: its columns, and where
** fields stand. Nothing writes to any of it once a function is parsed.
*/

const { tobin } = require('./lvalue.js');

/* what is equal of the functions that are packed with it */
class Pool {
    constructor() {
        this.instructions = new Map(); // by their code
        this.names = new Map();        // by their characters
    }
}

const once = function(known, key, value) {
    let first = known.get(key);
    if (first !== undefined) return first;
    known.set(key, value);
    return value;
};

/* a trusted function, and those in it */
const pack = function(p, pool) {
    let name = s => s === null ? null : once(pool.names, tobin(s.realstring), s);
    p.code = p.code.map(i => once(pool.instructions, i.code, i));
    p.lineinfo = p.lineinfo.slice();
    p.kr = p.kr.slice();
    p.source = name(p.source);
    p.locvars = p.locvars.slice();
    for (let v of p.locvars) v.varname = name(v.varname);
    p.upvalues = p.upvalues.slice();
    for (let v of p.upvalues) v.name = name(v.name);
    p.columns = [];
    p.fieldmarks = null;
    p.p = p.p.slice();
    for (let inner of p.p) pack(inner, pool);
};

/* makes it as if no program had run it; false when it is hot already, which belongs to that program */
const reset = function(p) {
    if (p.js !== null || p.nojs || p.loops !== null) return false;
    p.hits = 0;
    p.cache = null;
    return p.p.every(reset);
};

module.exports.Pool  = Pool;
module.exports.pack  = pack;
module.exports.reset = reset;
