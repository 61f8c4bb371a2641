"use strict";

/*
** Rivet: functions and loops that are hot go on as JavaScript.
**
** A function of JavaScript is called with the thread, the closure and the arguments. It returns its
** first result; 'L.nres' is how many there are, 'L.rets' all of them when they are more than one. Its
** registers are variables of JavaScript; its frame is an ordinary CallInfo with room for them on
** the stack. Before an instruction that may call, fail or be measured it says which one that is
** (l_savedpc), so that errors and positions are those of the interpreter.
**
** A yield unwinds all of this as an exception: each function then stores its registers in its place
** on the stack, and the interpreter goes on with its frame. A loop ('loop' below) begins in a frame
** of the interpreter and gives it back where it ends.
**
** The text that is compiled comes from opcodes, numbers of registers, indices of constants, and
** integers; no name and no string of a script is ever part of it (ljitcode.js).
*/

const vm = require('node:vm');
const { LUA_MULTRET } = require('./defs.js');
const { budget, claim } = require('./lbudget.js');
const ldo     = require('./ldo.js');
const lfunc   = require('./lfunc.js');
const lmarks  = require('./lmarks.js');
const lobject = require('./lobject.js');
const lstate  = require('./lstate.js');
const ltable  = require('./ltable.js');
const lvm     = require('./lvm.js');
const { ARGUMENTS_MAX, depthof, functioncode, loopcode } = require('./ljitcode.js');
const { LClosure, Table, UpVal, isinteger, mkflt } = require('./lvalue.js');

const HOT_CALLS = 40;
const HOT_LOOP = 120;
const TAILS_MAX = 30;

/* natives that loops know: set when the library is opened */
const known = { next: null, ipairs: null };

/* what the functions that are called by the generated code leave beside their results */
const G = { slot: 0, vm: null };

const YIELD = 1;
const OP_CONCAT = 29;
const OP_CALL = 36;
const OP_TAILCALL = 37;
const OP_TFORCALL = 41;

const newci = function(L, prev) {
    if (prev.depth >= lstate.DEPTH_JS) return null;
    lstate.luaE_extendCI(L);
    L.ci = prev;
    return prev.next;
};

const grow = function(L, n) {
    ldo.luaD_checkstack(L, n);
};

const pushcall = function(L, f, args) {
    let n = args.length;
    ldo.luaD_checkstack(L, n + 1);
    let off = L.top;
    let stack = L.stack;
    stack[off] = f;
    for (let i = 0; i < n; i++) stack[off + 1 + i] = args[i];
    L.top = off + 1 + n;
    return off;
};

/* the results of a call, which are on the stack from 'off' on, as JavaScript wants them */
const collect = function(L, off) {
    let stack = L.stack;
    let n = L.top - off;
    let v = n > 0 ? stack[off] : undefined;
    L.nres = n;
    if (n > 1) L.rets = stack.slice(off, L.top);
    for (let i = off; i < L.top; i++) stack[i] = undefined;
    L.top = off;
    return v;
};

/* calls any value */
const callv = function(L, f, args) {
    let off = pushcall(L, f, args);
    if (!ldo.luaD_precall(L, off, LUA_MULTRET)) lvm.luaV_execute(L);
    return collect(L, off);
};

const call0 = function(L, f) {
    return callv(L, f, []);
};

const call1 = function(L, f, a) {
    let fast = typeof f === "function" ? f.fast1 : undefined;
    if (fast !== undefined) {
        let v = fast(L, a);
        if (v !== SLOW) {
            L.nres = 1;
            return v;
        }
    }
    return callv(L, f, [a]);
};

const call2 = function(L, f, a, b) {
    let fast = typeof f === "function" ? f.fast2 : undefined;
    if (fast !== undefined) {
        let v = fast(L, a, b);
        if (v !== SLOW) {
            L.nres = 1;
            return v;
        }
    }
    return callv(L, f, [a, b]);
};

const call3 = function(L, f, a, b, c) {
    let fast = typeof f === "function" ? f.fast3 : undefined;
    if (fast !== undefined) {
        let v = fast(L, a, b, c);
        if (v !== SLOW) {
            L.nres = 1;
            return v;
        }
    }
    return callv(L, f, [a, b, c]);
};

/* what a fast form of a native returns when the native itself must be called */
const SLOW = Symbol("slow");

/* calls a Lua function in the interpreter */
const interp = function(L, f, args, status) {
    let off = pushcall(L, f, args);
    ldo.luaD_preinterp(L, f, off, LUA_MULTRET);
    L.ci.callstatus |= status;
    lvm.luaV_execute(L);
    return collect(L, off);
};

/* the same in place of the caller: after a yield the results go where the caller's were to go */
const tailinterp = function(L, f, args) {
    let prev = L.ci;
    let { ret, nresults } = prev.next;
    try {
        return interp(L, f, args, lstate.CIST_TAIL);
    } catch (e) {
        if (e !== undefined && e.status === YIELD) {
            let callee = L.ci;
            while (callee.previous !== prev) callee = callee.previous;
            callee.ret = ret;
            callee.nresults = nresults;
        }
        throw e;
    }
};

/* calls a Lua function in place of the caller, whose frame is gone */
const tail = function(L, f, args) {
    let p = f.p;
    if (p.js === null || L.tails >= TAILS_MAX || args.length > ARGUMENTS_MAX) return tailinterp(L, f, args);
    L.tails++;
    L.cs = lstate.CIST_JS | lstate.CIST_TAIL;
    let v = p.js(L, f, ...args);
    L.tails--;
    return v;
};

/* all results of a call whose first one is 'v' */
const results = function(L, v) {
    return L.nres === 1 ? [v] : L.nres === 0 ? [] : L.rets;
};

const retv = function(L, values) {
    L.nres = values.length;
    L.rets = values;
    return values[0];
};

/* the arguments '...' of a frame of the interpreter */
const varargs = function(L, ci) {
    return L.stack.slice(ci.l_base - ci.nvarargs, ci.l_base);
};

/* registers that closures share are variables of their own (UpVal); in the interpreter, of the stack */
const reopen = function(L, uv, level) {
    L.stack[level] = uv.s[0];
    uv.s = L.stack;
    uv.i = level;
    let open = L.openupval;
    let i = open.length;
    while (i > 0 && open[i - 1].i > level) i--;
    open.splice(i, 0, uv);
};

const unopen = function(L, level) {
    let open = L.openupval;
    for (let i = open.length - 1; i >= 0 && open[i].i >= level; i--) {
        if (open[i].i !== level) continue;
        let uv = open[i];
        open.splice(i, 1);
        uv.s = [L.stack[level]];
        uv.i = 0;
        return uv;
    }
    return new UpVal([L.stack[level]], 0);
};

const store = function(L, ci, regs, count) {
    let stack = L.stack;
    let base = ci.l_base;
    for (let i = 0; i < count; i++) {
        let v = regs[i];
        if (v instanceof UpVal) reopen(L, v, base + i);
        else stack[base + i] = v;
    }
};

/* the thread yields: the interpreter will go on with this frame */
const save = function(L, ci, regs, va) {
    /* a tail call puts its function here: above the registers of the caller, who left it no place */
    if (ci.callstatus & (lstate.CIST_JS & ~lstate.CIST_LUA)) ci.funcOff = ci.l_base - (va === null ? 0 : va.length);
    let i = ci.func.p.code[ci.l_savedpc - 1];
    /* the operands of a concatenation are on the stack already, the frame it called is above them */
    store(L, ci, regs, i.opcode === OP_CONCAT ? i.B : regs.length);
    if (va !== null) {
        for (let j = 0; j < va.length; j++) L.stack[ci.l_base - va.length + j] = va[j];
        ci.nvarargs = va.length;
    }
    ci.callstatus &= ~(lstate.CIST_JS & ~lstate.CIST_LUA);
    let call = i.opcode === OP_CALL || i.opcode === OP_TAILCALL;
    if (!call && i.opcode !== OP_TFORCALL) return;
    let callee = L.ci;
    while (callee.previous !== ci) callee = callee.previous;
    callee.ret = ci.l_base + i.A + (call ? 0 : 3);
    callee.nresults = i.opcode === OP_CALL ? i.C - 1 : call ? LUA_MULTRET : i.C;
};

/* a loop ends: the interpreter goes on at 'pc' */
const leave = function(L, ci, regs, pc) {
    store(L, ci, regs, regs.length);
    L.top = ci.top;
    return pc;
};

/* the same before an instruction that takes all values from register 'at' on */
const leaveopen = function(L, ci, regs, pc, at, values) {
    leave(L, ci, regs, pc);
    let from = ci.l_base + at;
    L.top = from;
    ldo.luaD_checkstack(L, values.length);
    for (let i = 0; i < values.length; i++) L.stack[from + i] = values[i];
    L.top = from + values.length;
    return pc;
};

const concatat = function(L, at, values) {
    let stack = L.stack;
    let ci = L.ci;
    let from = ci.l_base + at;
    for (let i = 0; i < values.length; i++) stack[from + i] = values[i];
    L.top = from + values.length;
    lvm.luaV_concat(L, values.length);
    L.top = ci.top;
    return stack[from];
};

const concat2 = function(L, at, a, b) {
    if (typeof a !== "string") {
        if (typeof a !== "number" || typeof b !== "string") return concatat(L, at, [a, b]);
        a = lobject.luaO_tostring(a);
    } else if (typeof b !== "string") {
        if (typeof b !== "number") return concatat(L, at, [a, b]);
        b = lobject.luaO_tostring(b);
    }
    let s = a + b;
    if (s.length >= 4096) claim(L, s.length);
    return s;
};

const concatn = function(L, at, values) {
    let s = "";
    for (let i = 0; i < values.length; i++) {
        let v = values[i];
        if (typeof v === "string") s += v;
        else if (typeof v === "number") s += lobject.luaO_tostring(v);
        else return concatat(L, at, values);
    }
    if (s.length >= 4096) claim(L, s.length);
    return s;
};

const len = function(L, v) {
    return lvm.luaV_objlen(L, v);
};

/* o[key], 'key' a string; where it was found is left in G.slot */
const getstr = function(L, o, key) {
    if (o instanceof Table) {
        let i = ltable.find(o, key);
        if (i >= 0) {
            let v = o.h[i + 1];
            if (v !== undefined) {
                G.slot = i;
                return v;
            }
        }
    }
    G.slot = -1;
    return lvm.index(L, o, key);
};

const setstr = function(L, o, key, value) {
    lvm.setindex(L, o, key, value);
    G.slot = o instanceof Table ? ltable.find(o, key) : -1;
};

const setnum = function(L, o, key, value) {
    if (o instanceof Table && o.metatable === null && o.flags === 0 && value !== undefined) {
        let a = o.arr;
        let n = a.length;
        if (n > 0 && key === n + 1 && o.nint === 0 && key < o.acheck) {
            a.push(value);
            if (key > o.amax) o.amax = key;
            return;
        }
    }
    lvm.setindex(L, o, key, value);
};

const forprep = function(L, init, limit, step) {
    return lvm.forprep(L, init, limit, step);
};

/* the next value of a loop over floats, undefined when there is none */
const fornext = function(v, limit, step) {
    let x = lvm.floatof(v) + lvm.floatof(step);
    let max = lvm.floatof(limit);
    return (0 < lvm.floatof(step) ? x <= max : max <= x) ? mkflt(x) : undefined;
};

/* place of the field after 'key', which was at 'pos' in the turn before */
const nextpos = function(L, t, key, pos) {
    /* without a key the traversal begins: the place is that of another one, which was left early */
    if (pos >= 0 && key !== undefined && ltable.luaH_slotkey(t, pos) === key) return ltable.luaH_slot(t, pos + 1);
    let after = ltable.luaH_after(t, key);
    if (after === ltable.INVALID) callv(L, known.next, [t, key]); /* fails as it does when it is called */
    return after;
};

const add = (L, a, b) => lvm.add(L, a, b);
const sub = (L, a, b) => lvm.sub(L, a, b);
const mul = (L, a, b) => lvm.mul(L, a, b);
const arith = (L, op, a, b) => lvm.arith[op](L, a, b);
const unm = (L, a) => lvm.unm(L, a);
const bnot = (L, a) => lvm.bnot(L, a);
const eq = (L, a, b) => lvm.luaV_equalobj(L, a, b);
const lt = (L, a, b) => lvm.luaV_lessthan(L, a, b);
const le = (L, a, b) => lvm.luaV_lessequal(L, a, b);
const index = (L, o, key) => lvm.index(L, o, key);
const setlist = (t, first, values) => ltable.luaH_setlist(t, first, values, 0, values.length);
const cached = (p, ncl) => lvm.cached(p, ncl);

const RUNTIME = {
    B: budget, G, known, LClosure, Table, UpVal, add, arith, bnot, cached, call0, call1, call2, call3,
    callv, concat2, concatn, eq, fornext, forprep, getstr, grow, index, interp, isinteger, le, leave, leaveopen,
    len, lt, mul, newci, nextpos, results, retv, save, setlist, setnum, setstr, slotkey: ltable.luaH_slotkey,
    slotvalue: ltable.luaH_slotvalue, sub, tail, unm, unopen, varargs
};
const NAMES = Object.keys(RUNTIME);

const build = function(text, p) {
    G.vm = lvm.loop;
    let make = vm.compileFunction(text, ["K", "P", "loop", ...NAMES]);
    return make(p.kr, p.p, lvm.loop, ...NAMES.map(name => RUNTIME[name]));
};

/*
** Counts a call or a turn of a loop; true when there were 'most' of them since the host answered
** last. An answer takes as long as some thousand instructions, and the JavaScript of a function as
** long as ten answers: what runs a little between many of them is never worth it.
*/
const hot = function(p, most) {
    if (p.hitsafter !== budget.answers) {
        p.hitsafter = budget.answers;
        p.hits = 0;
    }
    return ++p.hits >= most;
};

/* whether a loop of a function is to go on as JavaScript */
const loops = function(p) {
    return p.loops !== null || hot(p, HOT_LOOP);
};

/* whether a Lua function is to be called as JavaScript; compiles it when it has become hot */
const usable = function(L, p, nargs) {
    if (p.js === null) {
        if (!hot(p, HOT_CALLS) || p.nojs || lmarks.state.on) return false;
        let text = functioncode(p);
        if (text === null) {
            p.nojs = true;
            return false;
        }
        p.js = build(text, p);
    } else if (lmarks.state.on)
        return false;
    return L.ci.depth < depthof(p) && nargs <= ARGUMENTS_MAX;
};

/* calls a function in JavaScript whose arguments are on the stack, and puts its results there */
const callfromstack = function(L, f, off, nresults) {
    let stack = L.stack;
    let prev = L.ci;
    let ci = prev.next === null ? newci(L, prev) : prev.next;
    ci.funcOff = off;
    ci.ret = off;
    ci.nresults = nresults;
    let js = f.p.js;
    let v;
    switch (L.top - off - 1) {
        case 0: v = js(L, f); break;
        case 1: v = js(L, f, stack[off + 1]); break;
        case 2: v = js(L, f, stack[off + 1], stack[off + 2]); break;
        case 3: v = js(L, f, stack[off + 1], stack[off + 2], stack[off + 3]); break;
        default: v = js(L, f, ...stack.slice(off + 1, L.top));
    }
    let nres = L.nres;
    let n = nresults === LUA_MULTRET ? nres : nresults;
    if (n > 1) {
        ldo.luaD_checkstack(L, n);
        for (let i = 1; i < n; i++) stack[off + i] = i < nres ? L.rets[i] : undefined;
    }
    if (n > 0) stack[off] = v;
    L.top = off + n;
};

/*
** Runs a loop of a frame of the interpreter, from its head at 'pc' on; the result is where the
** interpreter goes on, 'pc' when it must do all itself.
*/
const loop = function(L, ci, cl, pc) {
    let p = cl.p;
    if (lmarks.state.on || ci.depth >= lstate.DEPTH_JS) return pc;
    if (p.loops === null) p.loops = new Map();
    let f = p.loops.get(pc);
    if (f === undefined) {
        let text = loopcode(p, pc);
        f = text === null ? null : build(text, p);
        p.loops.set(pc, f);
    }
    return f === null ? pc : f(L, cl, ci);
};

module.exports.SLOW          = SLOW;
module.exports.callfromstack = callfromstack;
module.exports.known         = known;
module.exports.loop          = loop;
module.exports.loops         = loops;
module.exports.usable        = usable;
