"use strict";

const pure = require('./lpure.js');
const { LUA_MAXINTEGER } = require('./luaconf.js');
const {
    LUA_OPEQ,
    LUA_TFUNCTION,
    LUA_TNIL,
    LUA_TTABLE,
    lua_checkstack,
    lua_compare,
    lua_createtable,
    lua_geti,
    lua_getmetatable,
    lua_gettop,
    lua_insert,
    lua_isnoneornil,
    lua_pop,
    lua_pushbin,
    lua_pushinteger,
    lua_pushnil,
    lua_pushraw,
    lua_pushstring,
    lua_pushvalue,
    lua_rawget,
    lua_setfield,
    lua_seti,
    lua_settop,
    lua_toraw,
    lua_type
} = require('./lua.js');
const {
    luaL_argcheck,
    luaL_checkinteger,
    luaL_checktype,
    luaL_error,
    luaL_len,
    luaL_newlib,
    luaL_optbin,
    luaL_optinteger
} = require('./lauxlib.js');
const { claim, spend } = require('./lbudget.js');
const { luaD_callnoyield } = require('./ldo.js');
const { lua_assert } = require('./llimits.js');
const lmarks = require('./lmarks.js');
const { luaH_getint, luaH_getn, luaH_setfrom, luaH_setint, readonlyerror } = require('./ltable.js');
const { ttypename } = require('./ltm.js');
const { Table, ltype } = require('./lvalue.js');
const { luaV_lessthan, tostring } = require('./lvm.js');
const { to_luastring } = require("./fengaricore.js");

/*
** Operations that an object must define to mimic a table
** (some functions only need some of them)
*/
const TAB_R  = 1;               /* read */
const TAB_W  = 2;               /* write */
const TAB_L  = 4;               /* length */
const TAB_RW = (TAB_R | TAB_W); /* read/write */

const checkfield = function(L, key, n) {
    lua_pushstring(L, key);
    return lua_rawget(L, -n) !== LUA_TNIL;
};

/*
** Check that 'arg' either is a table or can behave like one (that is,
** has a metatable with the required metamethods)
*/
const checktab = function(L, arg, what) {
    if (lua_type(L, arg) !== LUA_TTABLE) {  /* is it not a table? */
        let n = 1;
        if (lua_getmetatable(L, arg) &&  /* must have metatable */
            (!(what & TAB_R) || checkfield(L, to_luastring("__index", true), ++n)) &&
            (!(what & TAB_W) || checkfield(L, to_luastring("__newindex", true), ++n)) &&
            (!(what & TAB_L) || checkfield(L, to_luastring("__len", true), ++n))) {
            lua_pop(L, n);  /* pop metatable and tested metamethods */
        }
        else
            luaL_checktype(L, arg, LUA_TTABLE);  /* force an error */
    }
};

const aux_getn = function(L, n, w) {
    checktab(L, n, w | TAB_L);
    return luaL_len(L, n);
};

/* a table at index 1 without metamethods, null when it is none */
const plain = function(L) {
    let t = lua_toraw(L, 1);
    return t instanceof Table && t.metatable === null ? t : null;
};

const tinsert = function(L) {
    let t = plain(L);
    if (t !== null && lua_gettop(L) === 2) {
        let pos = luaH_getn(t) + 1;
        luaH_setfrom(L, t, pos, lua_toraw(L, 2));
        if (lmarks.state.on) lmarks.setfromnative(L, t, pos);
        return 0;
    }
    let e = aux_getn(L, 1, TAB_RW) + 1;  /* first empty element */
    let pos;
    switch (lua_gettop(L)) {
        case 2:
            pos = e;
            break;
        case 3: {
            pos = luaL_checkinteger(L, 2);  /* 2nd argument is the position */
            luaL_argcheck(L, 1 <= pos && pos <= e, 2, "position out of bounds");
            if (t !== null && t.ro === null && e - 1 === t.arr.length && lua_toraw(L, 3) !== undefined) {
                spend(L, (e - pos) / 64);
                luaH_setint(t, e, lua_toraw(L, 3));
                t.arr.copyWithin(pos, pos - 1, e - 1);  /* move up elements */
                t.arr[pos - 1] = lua_toraw(L, 3);
                if (lmarks.state.on) lmarks.setfromnative(L, t, pos);
                return 0;
            }
            for (let i = e; i > pos; i--) {  /* move up elements */
                spend(L, 1);
                lua_geti(L, 1, i - 1);
                lua_seti(L, 1, i);  /* t[i] = t[i - 1] */
            }
            break;
        }
        default: {
            return luaL_error(L, "wrong number of arguments to 'insert'");
        }
    }

    lua_seti(L, 1, pos);  /* t[pos] = v */
    if (lmarks.state.on) lmarks.setfromnative(L, L.stack[L.ci.funcOff + 1], pos);
    return 0;
};

const tremove = function(L) {
    let size = aux_getn(L, 1, TAB_RW);
    let pos = luaL_optinteger(L, 2, size);
    if (pos !== size)  /* validate 'pos' if given */
        luaL_argcheck(L, 1 <= pos && pos <= size + 1, 1, "position out of bounds");
    let t = plain(L);
    if (t !== null && t.ro === null && size > 0 && pos < size) {
        spend(L, (size - pos) / 64);
        lua_pushraw(L, t.arr[pos - 1]);
        t.arr.copyWithin(pos - 1, pos, size);
        luaH_setint(t, size, undefined);
        return 1;
    }
    lua_geti(L, 1, pos);  /* result = t[pos] */
    for (; pos < size; pos++) {
        spend(L, 1);
        lua_geti(L, 1, pos + 1);
        lua_seti(L, 1, pos);  /* t[pos] = t[pos + 1] */
    }
    lua_pushnil(L);
    lua_seti(L, 1, pos);  /* t[pos] = nil */
    return 1;
};

/*
** Copy elements (1[f], ..., 1[e]) into (tt[t], tt[t+1], ...). Whenever
** possible, copy in increasing order, which is better for rehashing.
** "possible" means destination after original range, or smaller
** than origin, or copying to another table.
*/
const tmove = function(L) {
    let f = luaL_checkinteger(L, 2);
    let e = luaL_checkinteger(L, 3);
    let t = luaL_checkinteger(L, 4);
    let tt = !lua_isnoneornil(L, 5) ? 5 : 1;  /* destination table */
    checktab(L, 1, TAB_R);
    checktab(L, tt, TAB_W);
    if (e >= f) {  /* otherwise, nothing to move */
        luaL_argcheck(L, f > 0 || e < LUA_MAXINTEGER + f, 3, "too many elements to move");
        let n = e - f + 1;  /* number of elements to move */
        luaL_argcheck(L, t <= LUA_MAXINTEGER - n + 1, 4, "destination wrap around");

        if (t > e || t <= f || (tt !== 1 && !lua_compare(L, 1, tt, LUA_OPEQ))) {
            for (let i = 0; i < n; i++) {
                spend(L, 1);
                lua_geti(L, 1, f + i);
                lua_seti(L, tt, t + i);
            }
        } else {
            for (let i = n - 1; i >= 0; i--) {
                spend(L, 1);
                lua_geti(L, 1, f + i);
                lua_seti(L, tt, t + i);
            }
        }
    }

    lua_pushvalue(L, tt);  /* return destination table */
    return 1;
};

const tconcat = function(L) {
    let last = aux_getn(L, 1, TAB_R);
    let sep = luaL_optbin(L, 2, "");
    let i = luaL_optinteger(L, 3, 1);
    last = luaL_optinteger(L, 4, last);

    let t = plain(L);
    let parts = [];
    let length = 0;
    let claimed = 0;
    for (; i <= last; i++) {
        spend(L, 1);
        let v;
        if (t !== null) v = luaH_getint(t, i);
        else {
            lua_geti(L, 1, i);
            v = lua_toraw(L, -1);
            lua_pop(L, 1);
        }
        let s = typeof v === "string" ? v : tostring(v);
        if (s === undefined)
            luaL_error(L, to_luastring("invalid value (%s) at index %d in table for 'concat'"), ttypename(ltype(v)), i);
        parts.push(s);
        length += s.length + sep.length;
        if (length - claimed >= 65536) {
            claim(L, length);
            claimed = length;
        }
        if (i === Number.MAX_SAFE_INTEGER) break;
    }

    claim(L, length);
    lua_pushbin(L, parts.join(sep));
    return 1;
};

const pack = function(L) {
    let n = lua_gettop(L);  /* number of elements to pack */
    lua_createtable(L, n, 1);  /* create result table */
    lua_insert(L, 1);  /* put it at index 1 */
    for (let i = n; i >= 1; i--)  /* assign elements */
        lua_seti(L, 1, i);
    lua_pushinteger(L, n);
    lua_setfield(L, 1, to_luastring("n"));  /* t.n = number of elements */
    return 1;  /* return table */
};

const unpack = function(L) {
    let i = luaL_optinteger(L, 2, 1);
    let e = lua_isnoneornil(L, 3) ? luaL_len(L, 1) : luaL_checkinteger(L, 3);
    if (i > e) return 0;  /* empty range */
    let n = e - i;  /* number of elements minus 1 (avoid overflows) */
    if (n >= Number.MAX_SAFE_INTEGER || !lua_checkstack(L, ++n))
        return luaL_error(L, to_luastring("too many results to unpack"));
    let t = plain(L);
    if (t !== null) {
        spend(L, n / 8);
        for (; i < e; i++) lua_pushraw(L, luaH_getint(t, i));
        lua_pushraw(L, luaH_getint(t, e));
        return n;
    }
    for (; i < e; i++) {  /* push arg[i..e - 1] (to avoid overflows) */
        spend(L, 1);
        lua_geti(L, 1, i);
    }
    lua_geti(L, 1, e);  /* push last element */
    return n;
};

const PIVOT = 0x5bd1e995;  /* a constant: a program takes the same course each time */

const RANLIMIT = 100;

/* the order of 'sort': that of its second argument */
const less = function(L, a, b) {
    spend(L, 1);
    let f = lua_toraw(L, 2);
    if (f === undefined) {  /* no function? */
        if (typeof a === "string" ? typeof b === "string" : typeof a === "number" && typeof b === "number")
            return a < b;
        return luaV_lessthan(L, a, b);
    }
    let top = L.top;
    L.stack[top] = f;
    L.stack[top + 1] = a;
    L.stack[top + 2] = b;
    L.top = top + 3;
    luaD_callnoyield(L, top, 1);
    let res = L.stack[--L.top];
    return res !== undefined && res !== false;
};

const partition = function(L, a, lo, up, pivot) {
    let i = lo;  /* will be incremented before first use */
    let j = up - 1;  /* will be decremented before first use */
    /* loop invariant: a[lo .. i] <= P <= a[j .. up] */
    for (;;) {
        /* next loop: repeat ++i while a[i] < P */
        while (less(L, a[++i], pivot)) {
            if (i == up - 1)  /* a[i] < P  but a[up - 1] == P  ?? */
                luaL_error(L, to_luastring("invalid order function for sorting"));
        }
        /* after the loop, a[i] >= P and a[lo .. i - 1] < P */
        /* next loop: repeat --j while P < a[j] */
        while (less(L, pivot, a[--j])) {
            if (j < i)  /* j < i  but  a[j] > P ?? */
                luaL_error(L, to_luastring("invalid order function for sorting"));
        }
        /* after the loop, a[j] <= P and a[j + 1 .. up] >= P */
        if (j < i) {  /* no elements out of place? */
            /* a[lo .. i - 1] <= P <= a[j + 1 .. i .. up] */
            /* swap pivot (a[up - 1]) with a[i] to satisfy pos-condition */
            swap(a, up - 1, i);
            return i;
        }
        /* otherwise, swap a[i] - a[j] to restore invariant and repeat */
        swap(a, i, j);
    }
};

const swap = function(a, i, j) {
    let v = a[i];
    a[i] = a[j];
    a[j] = v;
};

const choosePivot = function(lo, up, rnd) {
    let r4 = Math.floor((up - lo) / 4);  /* range/4 */
    let p = rnd % (r4 * 2) + (lo + r4);
    lua_assert(lo + r4 <= p && p <= up - r4);
    return p;
};

/* sorts a[lo .. up] */
const auxsort = function(L, a, lo, up, rnd) {
    while (lo < up) {  /* loop for tail recursion */
        /* sort elements 'lo', 'p', and 'up' */
        if (less(L, a[up], a[lo]))  /* a[up] < a[lo]? */
            swap(a, lo, up);  /* swap a[lo] - a[up] */
        if (up - lo == 1)  /* only 2 elements? */
            return;  /* already sorted */
        let p;  /* Pivot index */
        if (up - lo < RANLIMIT || rnd === 0)  /* small interval or no randomize? */
            p = Math.floor((lo + up)/2);  /* middle element is a good pivot */
        else  /* for larger intervals, it is worth a random pivot */
            p = choosePivot(lo, up, rnd);
        if (less(L, a[p], a[lo]))  /* a[p] < a[lo]? */
            swap(a, p, lo);  /* swap a[p] - a[lo] */
        else if (less(L, a[up], a[p]))  /* a[up] < a[p]? */
            swap(a, p, up);  /* swap a[up] - a[p] */
        if (up - lo == 2)  /* only 3 elements? */
            return;  /* already sorted */
        let pivot = a[p];  /* get middle element (Pivot) */
        swap(a, p, up - 1);  /* swap Pivot (a[p]) with a[up - 1] */
        p = partition(L, a, lo, up, pivot);
        let n;
        /* a[lo .. p - 1] <= a[p] == P <= a[p + 1 .. up] */
        if (p - lo < up - p) {  /* lower interval is smaller? */
            auxsort(L, a, lo, p - 1, rnd);  /* call recursively for lower interval */
            n = p - lo;  /* size of smaller interval */
            lo = p + 1;  /* tail call for [p + 1 .. up] (upper interval) */
        } else {
            auxsort(L, a, p + 1, up, rnd);  /* call recursively for upper interval */
            n = up - p;  /* size of smaller interval */
            up = p - 1;  /* tail call for [lo .. p - 1]  (lower interval) */
        }
        if ((up - lo) / 128 > n) /* partition too imbalanced? */
            rnd = PIVOT;  /* try a new randomization */
    }  /* tail call auxsort(L, lo, up, rnd) */
};

/* sorts a copy of the items; what it has become is stored also when the order function fails */
const sort = function(L) {
    let n = aux_getn(L, 1, TAB_RW);
    if (n > 1) {  /* non-trivial interval? */
        luaL_argcheck(L, n < LUA_MAXINTEGER, 1, "array too big");
        if (!lua_isnoneornil(L, 2))  /* is there a 2nd argument? */
            luaL_checktype(L, 2, LUA_TFUNCTION);  /* must be a function */
        lua_settop(L, 2);  /* make sure there are two arguments */
        lua_checkstack(L, 40);
        let t = plain(L);
        if (t !== null && t.ro !== null) readonlyerror(L, t);
        let a = [undefined];
        for (let i = 1; i <= n; i++) {
            spend(L, 1);
            if (t !== null) a.push(luaH_getint(t, i));
            else {
                lua_geti(L, 1, i);
                a.push(lua_toraw(L, -1));
                lua_pop(L, 1);
            }
        }
        if (t === null) {
            auxsort(L, a, 1, n, 0);
            for (let i = 1; i <= n; i++) {
                lua_pushraw(L, a[i]);
                lua_seti(L, 1, i);
            }
        } else {
            try {
                auxsort(L, a, 1, n, 0);
            } finally {
                for (let i = 1; i <= n; i++) luaH_setint(t, i, a[i]);
            }
        }
    }
    return 0;
};

const tab_funcs = {
    "concat": tconcat,
    "insert": tinsert,
    "move":   tmove,
    "pack":   pack,
    "remove": tremove,
    "sort":   sort,
    "unpack": unpack
};

pure.setpure(tab_funcs, pure.table);

const luaopen_table = function(L) {
    luaL_newlib(L, tab_funcs);
    return 1;
};

module.exports.luaopen_table = luaopen_table;
