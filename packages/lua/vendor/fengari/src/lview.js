"use strict";

/*
** Rivet: what a script would see if it ran on, for the evaluation that only foresees (lforesee.js).
** Nothing of the VM is changed: what is written stays here. Whatever is not certain throws UNSURE.
*/

const ltable = require('./ltable.js');
const { EMPTY, LFloat, Table, isnumber, mkflt, tobin } = require('./lvalue.js');

const UNSURE = Symbol("unsure");

/* a number of which no more is known */
const UNKNOWN = Object.freeze({ unknown: "number" });

const STEPS_MAX = 1000;
const FIELDS_MAX = 256;         /* of a table that is copied, or walked through */
const STRING_MAX = 1 << 16;
const DEPTH_MAX = 20;           /* of tables in arguments */
const INHERIT_MAX = 10;
const LUA_TSTRING = 4;

const give_up = function() {
    throw UNSURE;
};

const size = function(t) {
    return t.arr.length + t.h.length / 2;
};

/* the same fields in the same places, so that lengths and traversals are the same */
const copyof = function(t) {
    if (size(t) > FIELDS_MAX) give_up();
    let c = new Table();
    c.arr = t.arr === EMPTY ? EMPTY : t.arr.slice();
    c.h = t.h === EMPTY ? EMPTY : t.h.slice();
    c.live = t.live;
    c.nint = t.nint;
    c.amax = t.amax;
    c.acheck = t.acheck;
    return c;
};

/* a string, number or boolean of the host's */
const scalar = function(v) {
    if (typeof v === "string") return tobin(v);
    if (typeof v !== "number") return v;
    return Number.isSafeInteger(v) && !Object.is(v, -0) ? v : mkflt(v);
};

/* what an answer is taken to be: 'fields' with their values, and names of numbers */
const answerof = function(fields, numbers) {
    let t = new Table();
    for (let name of Object.keys(fields)) ltable.luaH_setfrom(null, t, tobin(name), scalar(fields[name]));
    for (let name of numbers) ltable.luaH_setfrom(null, t, tobin(name), UNKNOWN);
    return t;
};

class View {
    /* 'answer' has fields that are known, and may have others */
    constructor(L, answer) {
        this.L = L;
        this.answer = answer;
        this.steps = STEPS_MAX;
        this.made = new Set();    /* tables that are the evaluation's own */
        this.copies = new Map();  /* tables of the script that were written to */
        this.vars = new Map();    /* the same for variables that closures share */
    }

    spend(n) {
        if ((this.steps -= n) < 0) give_up();
    }

    newtable() {
        let t = new Table();
        this.made.add(t);
        return t;
    }

    at(t) {
        let copy = this.copies.get(t);
        return copy === undefined ? t : copy;
    }

    /* a table all of whose fields are known and without metamethods */
    plain(t) {
        if (!(t instanceof Table) || t.metatable !== null || t === this.answer) give_up();
        return this.at(t);
    }

    /* the same when it is walked through */
    walked(t) {
        let c = this.plain(t);
        if (size(c) > FIELDS_MAX) give_up();
        return c;
    }

    /* o[key] */
    get(o, key) {
        if (key === UNKNOWN) give_up();
        for (let i = 0; i < INHERIT_MAX; i++) {
            let mt;
            if (o instanceof Table) {
                let v = ltable.luaH_get(this.at(o), key);
                if (v !== undefined) return v;
                if (o === this.answer) give_up();
                mt = o.metatable;
                if (mt === null) return undefined;
            } else
                mt = typeof o === "string" ? this.L.l_G.mt[LUA_TSTRING] : give_up();
            let next = ltable.luaH_getstr(this.at(mt), "__index");
            if (next === undefined) return o instanceof Table ? undefined : give_up();
            o = next;
        }
        return give_up();
    }

    /* t[key] = value */
    set(t, key, value) {
        if (key === UNKNOWN || key === undefined || key !== key) give_up();
        if (!this.made.has(t)) t = this.writable(t);
        ltable.luaH_setfrom(null, t, key, value);
    }

    writable(t) {
        let seen = this.plain(t);
        if (t.ro !== null) give_up();
        if (seen !== t) return seen;
        let copy = copyof(t);
        this.spend(size(t) >> 2);
        this.copies.set(t, copy);
        return copy;
    }

    length(v) {
        if (typeof v === "string") return v.length;
        return ltable.luaH_getn(this.plain(v));
    }

    variable(uv) {
        let v = this.vars.get(uv);
        return v === undefined && !this.vars.has(uv) ? uv.s[uv.i] : v;
    }

    /* raw equality, where no metamethod has a say */
    equal(a, b) {
        if (a === UNKNOWN || b === UNKNOWN) {
            let other = a === UNKNOWN ? b : a;
            return other === UNKNOWN || isnumber(other) ? give_up() : false;
        }
        if (typeof a === "string" && typeof b === "string") return this.sametext(a, b);
        if (a === b) return true;
        if (a instanceof LFloat || b instanceof LFloat)
            return (a instanceof LFloat ? a.n : a) === (b instanceof LFloat ? b.n : b);
        if (typeof a === "object" && typeof b === "object") {
            if (!(a instanceof Table && b instanceof Table)) give_up();
            if (a.metatable !== null || b.metatable !== null) give_up();
        }
        return false;
    }

    sametext(a, b) {
        return a.length === b.length && this.small(a) === b;
    }

    small(s) {
        if (s.length > STRING_MAX) give_up();
        return s;
    }

    /* what leaves the VM: copies of tables that hold nothing but data */
    data(v, depth) {
        this.spend(1);
        if (typeof v === "string") return this.small(v);
        if (v === undefined || typeof v === "boolean" || isnumber(v)) return v;
        if (depth > DEPTH_MAX) give_up();
        let t = this.walked(v);
        let c = copyof(t);
        for (let i = 0; i < c.arr.length; i++) c.arr[i] = this.data(c.arr[i], depth + 1);
        for (let i = 1; i < c.h.length; i += 2) c.h[i] = this.data(c.h[i], depth + 1);
        return c;
    }
}

module.exports.STRING_MAX = STRING_MAX;
module.exports.UNKNOWN    = UNKNOWN;
module.exports.UNSURE     = UNSURE;
module.exports.View       = View;
module.exports.answerof   = answerof;
module.exports.give_up    = give_up;
