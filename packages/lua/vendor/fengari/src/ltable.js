"use strict";

const { EMPTY, LFloat, RO, Table } = require('./lvalue.js');
const { to_luastring } = require('./defs.js');
const ldebug = require('./ldebug.js');

const SCAN_MAX = 16; /* places of a hash part (keys and values) that are searched one by one */

const readonlyerror = function(L, t) {
    ldebug.luaG_runerror(L, to_luastring("attempt to change '%s', which is read-only"), t.ro);
};

/* a field was set without the functions below knowing: what is known of metamethods may be wrong */
const invalidateTMcache = function(t) {
    t.flags &= RO;
};

const luaH_new = function(_L) {
    return new Table();
};

/* place of a key in the hash part, -1 when it is not there */
const find = function(t, key) {
    let map = t.map;
    if (map !== null) {
        let i = map.get(key);
        return i === undefined ? -1 : i;
    }
    let h = t.h;
    for (let i = 0; i < h.length; i += 2)
        if (h[i] === key) return i;
    return -1;
};

const buildmap = function(t) {
    let h = t.h;
    let map = new Map();
    for (let i = 0; i < h.length; i += 2) map.set(h[i], i);
    t.map = map;
};

/* builds the hash part without the fields that were removed */
const rebuild = function(t) {
    let old = t.h;
    let h = [];
    let nint = 0;
    for (let i = 0; i < old.length; i += 2) {
        if (old[i + 1] === undefined) continue;
        h.push(old[i], old[i + 1]);
        if (typeof old[i] === "number") nint++;
    }
    t.h = h;
    t.nint = nint;
    t.map = null;
    if (h.length > SCAN_MAX) buildmap(t);
};

const insert = function(t, key, value) {
    if (t.h.length > SCAN_MAX && t.live < t.h.length >> 2) rebuild(t);
    let h = t.h;
    if (h === EMPTY) {
        t.h = [key, value];
    } else {
        if (t.map !== null) t.map.set(key, h.length);
        h.push(key, value);
        if (t.map === null && h.length > SCAN_MAX) buildmap(t);
    }
    t.live++;
};

/* 'key' is no positive integer that the list part could hold, and not nil or NaN */
const sethash = function(t, key, value) {
    let i = find(t, key);
    if (i < 0) {
        if (value === undefined) return;
        if (typeof key === "number") t.nint++;
        insert(t, key, value);
        return;
    }
    let h = t.h;
    if (value === undefined) {
        if (h[i + 1] !== undefined) t.live--;
    } else if (h[i + 1] === undefined) {
        t.live++;
        if (t.nint === 0 && typeof key === "number") t.nint = 1;
    }
    h[i + 1] = value;
};

/* the item after the list part may be in the hash part */
const migrate = function(t) {
    let a = t.arr;
    let i = find(t, a.length);
    if (i >= 0 && t.h[i + 1] !== undefined) {
        t.live--;
        t.h[i + 1] = undefined;
    }
    for (;;) {
        i = find(t, a.length + 1);
        if (i < 0 || t.h[i + 1] === undefined) break;
        a.push(t.h[i + 1]);
        t.h[i + 1] = undefined;
        t.live--;
    }
    if (t.live === 0 && a.length > SCAN_MAX) rebuild(t);
    if (a.length > t.amax) t.amax = a.length;
};

/* a list part that is mostly holes, as that of a queue, moves to the hash part */
const sparse = function(t) {
    let a = t.arr;
    let n = 0;
    for (let i = 0; i < a.length; i++) if (a[i] !== undefined) n++;
    t.acheck = a.length * 2;
    if (n * 4 > a.length) return;
    t.arr = EMPTY;
    t.acheck = 1024;
    for (let i = 0; i < a.length; i++) {
        if (a[i] !== undefined) sethash(t, i + 1, a[i]);
    }
};

const append = function(t, value) {
    let a = t.arr;
    if (a === EMPTY) t.arr = [value];
    else a.push(value);
    let n = t.arr.length;
    if (n > t.amax) t.amax = n;
    if (t.nint > 0) migrate(t);
    if (n >= t.acheck) sparse(t);
};

const luaH_setint = function(t, key, value) {
    let a = t.arr;
    let n = a.length;
    if (key > 0 && key <= n) {
        if (value === undefined && key === n) {
            a.pop();
            while (a.length > 0 && a[a.length - 1] === undefined) a.pop();
        } else
            a[key - 1] = value;
    } else if (key === n + 1) {
        if (value !== undefined) append(t, value);
        else if (t.nint > 0) sethash(t, key, value);
    } else
        sethash(t, key, value);
};

const luaH_getint = function(t, key) {
    let a = t.arr;
    if (key > 0 && key <= a.length) return a[key - 1];
    if (t.nint === 0) return undefined;
    let i = find(t, key);
    return i < 0 ? undefined : t.h[i + 1];
};

const luaH_getstr = function(t, key) {
    let i = find(t, key);
    return i < 0 ? undefined : t.h[i + 1];
};

const luaH_get = function(t, key) {
    if (typeof key === "number") {
        if (Number.isInteger(key)) return luaH_getint(t, key);
    } else if (key instanceof LFloat)
        return luaH_getint(t, key.n + 0);
    else if (key === undefined)
        return undefined;
    let i = find(t, key);
    return i < 0 ? undefined : t.h[i + 1];
};

/* sets a field without metamethods; the caller has seen to 'readonly' and 'flags' */
const rawset = function(L, t, key, value) {
    if (typeof key === "number") {
        if (Number.isInteger(key)) {
            luaH_setint(t, key, value);
            return;
        }
        if (key !== key)
            ldebug.luaG_runerror(L, to_luastring("table index is NaN", true));
    } else if (key instanceof LFloat) {
        luaH_setint(t, key.n + 0, value);
        return;
    } else if (key === undefined)
        ldebug.luaG_runerror(L, to_luastring("table index is nil", true));
    sethash(t, key, value);
};

const luaH_setfrom = function(L, t, key, value) {
    if (t.ro !== null) readonlyerror(L, t);
    t.flags = 0;
    rawset(L, t, key, value);
};

/* a border: the last item of the list part is never nil */
const luaH_getn = function(t) {
    return t.arr.length;
};

/* the values of a constructor's list: holes keep their places as they do in PUC's */
const luaH_setlist = function(t, first, values, from, count) {
    let a = t.arr;
    if (a.length < first) {
        for (let i = 0; i < count; i++) luaH_setint(t, first + i + 1, values[from + i]);
        return;
    }
    if (a === EMPTY) a = t.arr = [];
    for (let i = 0; i < count; i++) {
        if (first + i < a.length) a[first + i] = values[from + i];
        else a.push(values[from + i]);
        if (t.nint > 0) sethash(t, first + i + 1, undefined);
    }
    if (a.length > t.amax) t.amax = a.length;
    while (a.length > 0 && a[a.length - 1] === undefined) a.pop();
};

/* keys and values in the order of a traversal */
const luaH_entries = function*(t) {
    for (let pos = luaH_slot(t, 0); pos >= 0; pos = luaH_slot(t, pos + 1))
        yield [luaH_slotkey(t, pos), luaH_slotvalue(t, pos)];
};

/* place of the field at or after 'pos' in a traversal, -1 when there is none */
const luaH_slot = function(t, pos) {
    let a = t.arr;
    for (; pos < a.length; pos++)
        if (a[pos] !== undefined) return pos;
    let h = t.h;
    for (let i = (pos - a.length) * 2; i < h.length; i += 2)
        if (h[i + 1] !== undefined) return a.length + i / 2;
    return -1;
};

const luaH_slotkey = function(t, pos) {
    let n = t.arr.length;
    return pos < n ? pos + 1 : t.h[(pos - n) * 2];
};

const luaH_slotvalue = function(t, pos) {
    let n = t.arr.length;
    return pos < n ? t.arr[pos] : t.h[(pos - n) * 2 + 1];
};

const INVALID = -2;

/* place of the field after the one with this key, -1 when it is the last, INVALID when there is no such key */
const luaH_after = function(t, key) {
    if (key === undefined) return luaH_slot(t, 0);
    if (key instanceof LFloat) key = key.n + 0;
    let n = t.arr.length;
    let isint = typeof key === "number" && Number.isInteger(key);
    if (isint && key > 0 && key <= n) return luaH_slot(t, key);
    let i = find(t, key);
    if (i >= 0) return luaH_slot(t, n + i / 2 + 1);
    if (isint && key > 0 && key <= t.amax) return luaH_slot(t, n);
    return INVALID;
};

const luaH_next = function(L, t, key) {
    let after = luaH_after(t, key);
    if (after === INVALID) ldebug.luaG_runerror(L, to_luastring("invalid key to 'next'"));
    return after;
};

/* how many fields a table has */
const luaH_count = function(t) {
    let n = t.live;
    let a = t.arr;
    for (let i = 0; i < a.length; i++) if (a[i] !== undefined) n++;
    return n;
};

module.exports.INVALID        = INVALID;
module.exports.Table          = Table;
module.exports.find           = find;
module.exports.invalidateTMcache = invalidateTMcache;
module.exports.luaH_after     = luaH_after;
module.exports.luaH_count     = luaH_count;
module.exports.luaH_entries   = luaH_entries;
module.exports.luaH_get       = luaH_get;
module.exports.luaH_getint    = luaH_getint;
module.exports.luaH_getn      = luaH_getn;
module.exports.luaH_getstr    = luaH_getstr;
module.exports.luaH_new       = luaH_new;
module.exports.luaH_next      = luaH_next;
module.exports.luaH_setfrom   = luaH_setfrom;
module.exports.luaH_setint    = luaH_setint;
module.exports.luaH_setlist   = luaH_setlist;
module.exports.luaH_slot      = luaH_slot;
module.exports.luaH_slotkey   = luaH_slotkey;
module.exports.luaH_slotvalue = luaH_slotvalue;
module.exports.readonlyerror  = readonlyerror;
