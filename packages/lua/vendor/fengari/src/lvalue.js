"use strict";

/*
** Rivet: values as JavaScript holds them, instead of upstream's TValue objects.
**
**   nil              undefined
**   boolean          true, false
**   integer          a number that is a safe integer, never -0
**   float            a number that is none; an LFloat when its value is one (1.0, -0.0)
**   string           a string whose characters are the bytes
**   table            Table
**   function         LClosure, CClosure, a JavaScript function
**   thread           lua_State
**   userdata         Udata, LightUD
*/

const EMPTY = []; /* shared, never written */

const define = function(cls, type) {
    Object.defineProperty(cls.prototype, "lt", { value: type });
};

/* a float whose value is a safe integer */
class LFloat {
    constructor(n) {
        this.n = n;
    }
}
define(LFloat, 3);

class LightUD {
    constructor(p) {
        this.p = p;
    }
}
define(LightUD, 2);

class Udata {
    constructor(size) {
        this.metatable = null;
        this.uservalue = undefined;
        this.len = size;
        this.data = Object.create(null);
    }
}
define(Udata, 7);

/* a variable: a slot of a stack while its function runs, an array of one afterwards */
class UpVal {
    constructor(s, i) {
        this.s = s;
        this.i = i;
    }
}

class LClosure {
    constructor(p, n) {
        this.p = p;
        this.nupvalues = n;
        this.upvals = n === 0 ? EMPTY : n === 1 ? [null] : n === 2 ? [null, null] : new Array(n).fill(null);
    }
}
define(LClosure, 6);

class CClosure {
    constructor(f, n) {
        this.f = f;
        this.nupvalues = n;
        this.upvalue = new Array(n).fill(undefined);
    }
}
define(CClosure, 6);

/*
** The list part holds the items from 1 on: the last one is never nil, others may be. The hash part
** holds keys and values by turns, in the order in which the keys came; a field that was removed
** keeps its key until the part is built anew, so that a traversal goes on from it. 'map' knows the
** places of the keys when there are more than a few.
*/
class Table {
    constructor() {
        this.arr = EMPTY;
        this.h = EMPTY;
        this.map = null;
        this.live = 0;      /* fields in the hash part */
        this.nint = 0;      /* integer keys that went into the hash part; 0: none is there */
        this.amax = 0;      /* longest the list part has been */
        this.acheck = 1024; /* when to look for holes in it */
        this.metatable = null;
        this.flags = 0;     /* metamethods that are known to be absent, RO, what of it is cached */
        this.ro = null;     /* name of a table that scripts must not change */
        this.marks = null;  /* where its fields were set, while positions are recorded */
        this.born = null;   /* where its constructor stands, while positions are recorded */
    }

    get readonly() {
        return this.ro;
    }

    set readonly(name) {
        this.ro = name;
        this.flags = name === null ? 0 : RO;
    }
}
define(Table, 5);

const RO = 1 << 30;

const ltype = function(v) {
    switch (typeof v) {
        case "undefined": return 0;
        case "number": return 3;
        case "string": return 4;
        case "boolean": return 1;
        case "function": return 6;
        default: return v.lt;
    }
};

const mkflt = function(n) {
    return Number.isSafeInteger(n) ? new LFloat(n) : n;
};

const isinteger = function(v) {
    return typeof v === "number" && Number.isSafeInteger(v);
};

const isnumber = function(v) {
    return typeof v === "number" || v instanceof LFloat;
};

/* the value of a number */
const numberof = function(v) {
    return typeof v === "number" ? v : v.n;
};

const isfunction = function(v) {
    return typeof v === "function" || v instanceof LClosure || v instanceof CClosure;
};

/* bytes, or a text of JavaScript, as a Lua string */
const tobin = function(s) {
    if (typeof s !== "string")
        return Buffer.prototype.latin1Slice.call(s, 0, s.length);
    for (let i = 0; i < s.length; i++) {
        if (s.charCodeAt(i) > 127) {
            let b = Buffer.from(s, "utf8");
            return b.latin1Slice(0, b.length);
        }
    }
    return s;
};

/* a Lua string as bytes */
const tobytes = function(s) {
    let b = Buffer.from(s, "latin1");
    return new Uint8Array(b.buffer, b.byteOffset, b.length);
};

/* the copy of a string that the engine compares by address */
const intern = function(s) {
    if (s.length > 64 || /^(?:\d|__proto__$)/.test(s)) return s;
    let o = Object.create(null);
    o[s] = 0;
    return Object.keys(o)[0];
};

module.exports.CClosure = CClosure;
module.exports.EMPTY = EMPTY;
module.exports.LClosure = LClosure;
module.exports.LFloat = LFloat;
module.exports.LightUD = LightUD;
module.exports.RO = RO;
module.exports.Table = Table;
module.exports.Udata = Udata;
module.exports.UpVal = UpVal;
module.exports.define = define;
module.exports.intern = intern;
module.exports.isfunction = isfunction;
module.exports.isinteger = isinteger;
module.exports.isnumber = isnumber;
module.exports.ltype = ltype;
module.exports.mkflt = mkflt;
module.exports.numberof = numberof;
module.exports.tobin = tobin;
module.exports.tobytes = tobytes;
