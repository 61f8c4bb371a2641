"use strict";

const {
    LUA_MULTRET,
    LUA_OPBAND,
    LUA_OPBOR,
    LUA_OPBXOR
} = require('./defs.js');
const {
    INDEXK,
    ISK,
    LFIELDS_PER_FLUSH
} = require('./lopcodes.js');
const {
    LUA_MAXINTEGER,
    LUA_MININTEGER,
    lua_numbertointeger
} = require('./luaconf.js');
const {
    lua_assert,
    luai_nummod
} = require('./llimits.js');
const lobject = require('./lobject.js');
const lfunc   = require('./lfunc.js');
const lstate  = require('./lstate.js');
const ldo     = require('./ldo.js');
const ltm     = require('./ltm.js');
const ltable  = require('./ltable.js');
const ldebug  = require('./ldebug.js');
const ljit    = require('./ljit.js');
const { budget, claim } = require('./lbudget.js');
const lmarks  = require('./lmarks.js');
const {
    LClosure,
    LFloat,
    Table,
    Udata,
    isfunction,
    isinteger,
    isnumber,
    mkflt
} = require('./lvalue.js');

const isfalse = function(v) {
    return v === undefined || v === false;
};

/*
** finish execution of an opcode interrupted by an yield
*/
const luaV_finishOp = function(L) {
    let ci = L.ci;
    let base = ci.l_base;
    let code = ci.func.p.code;
    let inst = code[ci.l_savedpc - 1];  /* interrupted instruction */

    switch (inst.opcode) {  /* finish its execution */
        case 13: case 14: case 15: case 16: case 17: case 18: case 19: case 20: /* arithmetic */
        case 21: case 22: case 23: case 24: case 25: case 26: case 28:
        case 6: case 7: case 12: { /* GETTABUP, GETTABLE, SELF */
            L.stack[base + inst.A] = L.stack[--L.top];
            break;
        }
        case 31: case 32: case 33: { /* EQ, LT, LE */
            let res = !isfalse(L.stack[--L.top]);
            if (ci.callstatus & lstate.CIST_LEQ) {  /* "<=" using "<" instead? */
                ci.callstatus ^= lstate.CIST_LEQ;  /* clear mark */
                res = !res;  /* negate result */
            }
            if (res !== (inst.A ? true : false))  /* condition failed? */
                ci.l_savedpc++;  /* skip jump instruction */
            break;
        }
        case 29: { /* CONCAT */
            let top = L.top - 1;  /* top when 'luaT_trybinTM' was called */
            let b = inst.B;  /* first element to concatenate */
            let total = top - 1 - (base + b);  /* yet to concatenate */
            L.stack[top - 2] = L.stack[top];  /* put TM result in proper position */
            if (total > 1) {  /* are there elements to concat? */
                L.top = top - 1;  /* top is one after last element (at top-2) */
                luaV_concat(L, total);  /* concat them (may yield again) */
            }
            /* move final result to final position */
            L.stack[base + inst.A] = L.stack[base + b];
            L.top = ci.top;  /* restore top */
            break;
        }
        case 41: { /* TFORCALL */
            L.top = ci.top;  /* correct top */
            break;
        }
        case 36: { /* CALL */
            if (inst.C - 1 >= 0)  /* nresults >= 0? */
                L.top = ci.top;  /* adjust results */
            break;
        }
    }
};

/*
** The interpreter. Functions and loops that are hot go on as JavaScript (ljit.js).
*/
const luaV_execute = function(L) {
    let ci = L.ci;
    let stack = L.stack;

    ci.callstatus |= lstate.CIST_FRESH;
    newframe:
    for (;;) {
        let cl = ci.func;
        let p = cl.p;
        let k = p.kr;
        let code = p.code;
        let base = ci.l_base;
        let pc = ci.l_savedpc;

        for (;;) {
            let i = code[pc];
            ci.l_savedpc = ++pc;
            if (--budget.steps <= 0) budget.check(L);
            let ra = base + i.A;

            switch (i.opcode) {
                case 0: { /* MOVE */
                    stack[ra] = stack[base + i.B];
                    break;
                }
                case 1: { /* LOADK */
                    stack[ra] = k[i.Bx];
                    break;
                }
                case 2: { /* LOADKX */
                    stack[ra] = k[code[pc++].Ax];
                    break;
                }
                case 3: { /* LOADBOOL */
                    stack[ra] = i.B !== 0;
                    if (i.C !== 0) pc++; /* skip next instruction (if C) */
                    break;
                }
                case 4: { /* LOADNIL */
                    for (let j = 0; j <= i.B; j++) stack[ra + j] = undefined;
                    break;
                }
                case 5: { /* GETUPVAL */
                    let uv = cl.upvals[i.B];
                    stack[ra] = uv.s[uv.i];
                    break;
                }
                case 6: { /* GETTABUP */
                    let uv = cl.upvals[i.B];
                    stack[ra] = index(L, uv.s[uv.i], ISK(i.C) ? k[INDEXK(i.C)] : stack[base + i.C]);
                    break;
                }
                case 7: { /* GETTABLE */
                    stack[ra] = index(L, stack[base + i.B], ISK(i.C) ? k[INDEXK(i.C)] : stack[base + i.C]);
                    break;
                }
                case 8: { /* SETTABUP */
                    let uv = cl.upvals[i.A];
                    setindex(L, uv.s[uv.i], ISK(i.B) ? k[INDEXK(i.B)] : stack[base + i.B],
                        ISK(i.C) ? k[INDEXK(i.C)] : stack[base + i.C]);
                    break;
                }
                case 9: { /* SETUPVAL */
                    let uv = cl.upvals[i.B];
                    uv.s[uv.i] = stack[ra];
                    break;
                }
                case 10: { /* SETTABLE */
                    let t = stack[ra];
                    let key = ISK(i.B) ? k[INDEXK(i.B)] : stack[base + i.B];
                    setindex(L, t, key, ISK(i.C) ? k[INDEXK(i.C)] : stack[base + i.C]);
                    if (lmarks.state.on) lmarks.set(L, ci, t, key);
                    break;
                }
                case 11: { /* NEWTABLE */
                    let t = new Table();
                    stack[ra] = t;
                    if (lmarks.state.on) lmarks.born(L, ci, t);
                    break;
                }
                case 12: { /* SELF */
                    let o = stack[base + i.B];
                    stack[ra + 1] = o;
                    stack[ra] = index(L, o, ISK(i.C) ? k[INDEXK(i.C)] : stack[base + i.C]);
                    break;
                }
                case 13: { /* ADD */
                    stack[ra] = add(L, ISK(i.B) ? k[INDEXK(i.B)] : stack[base + i.B],
                        ISK(i.C) ? k[INDEXK(i.C)] : stack[base + i.C]);
                    break;
                }
                case 14: { /* SUB */
                    stack[ra] = sub(L, ISK(i.B) ? k[INDEXK(i.B)] : stack[base + i.B],
                        ISK(i.C) ? k[INDEXK(i.C)] : stack[base + i.C]);
                    break;
                }
                case 15: { /* MUL */
                    stack[ra] = mul(L, ISK(i.B) ? k[INDEXK(i.B)] : stack[base + i.B],
                        ISK(i.C) ? k[INDEXK(i.C)] : stack[base + i.C]);
                    break;
                }
                case 16: case 17: case 18: case 19: case 20: case 21: case 22: case 23: case 24: {
                    stack[ra] = arith[i.opcode](L, ISK(i.B) ? k[INDEXK(i.B)] : stack[base + i.B],
                        ISK(i.C) ? k[INDEXK(i.C)] : stack[base + i.C]);
                    break;
                }
                case 25: { /* UNM */
                    stack[ra] = unm(L, stack[base + i.B]);
                    break;
                }
                case 26: { /* BNOT */
                    stack[ra] = bnot(L, stack[base + i.B]);
                    break;
                }
                case 27: { /* NOT */
                    stack[ra] = isfalse(stack[base + i.B]);
                    break;
                }
                case 28: { /* LEN */
                    stack[ra] = luaV_objlen(L, stack[base + i.B]);
                    break;
                }
                case 29: { /* CONCAT */
                    L.top = base + i.C + 1; /* mark the end of concat operands */
                    luaV_concat(L, i.C - i.B + 1);
                    stack[ra] = stack[base + i.B];
                    L.top = ci.top; /* restore top */
                    break;
                }
                case 30: { /* JMP */
                    if (i.A !== 0) lfunc.luaF_close(L, base + i.A - 1);
                    pc += i.sBx;
                    if (i.sBx < 0 && ljit.loops(p)) {
                        ci.l_savedpc = pc;
                        pc = ljit.loop(L, ci, cl, pc);
                    }
                    break;
                }
                case 31: { /* EQ */
                    if (luaV_equalobj(L, ISK(i.B) ? k[INDEXK(i.B)] : stack[base + i.B],
                        ISK(i.C) ? k[INDEXK(i.C)] : stack[base + i.C]) !== (i.A !== 0)) pc++;
                    break;
                }
                case 32: { /* LT */
                    if (luaV_lessthan(L, ISK(i.B) ? k[INDEXK(i.B)] : stack[base + i.B],
                        ISK(i.C) ? k[INDEXK(i.C)] : stack[base + i.C]) !== (i.A !== 0)) pc++;
                    break;
                }
                case 33: { /* LE */
                    if (luaV_lessequal(L, ISK(i.B) ? k[INDEXK(i.B)] : stack[base + i.B],
                        ISK(i.C) ? k[INDEXK(i.C)] : stack[base + i.C]) !== (i.A !== 0)) pc++;
                    break;
                }
                case 34: { /* TEST */
                    if (i.C ? isfalse(stack[ra]) : !isfalse(stack[ra])) pc++;
                    break;
                }
                case 35: { /* TESTSET */
                    let v = stack[base + i.B];
                    if (i.C ? isfalse(v) : !isfalse(v)) pc++;
                    else stack[ra] = v;
                    break;
                }
                case 36: { /* CALL */
                    let nresults = i.C - 1;
                    if (i.B !== 0) L.top = ra + i.B;  /* else previous instruction set top */
                    if (ldo.luaD_precall(L, ra, nresults)) {
                        if (nresults >= 0) L.top = ci.top;  /* adjust results */
                        break;
                    }
                    ci = L.ci;
                    continue newframe;
                }
                case 37: { /* TAILCALL */
                    if (i.B !== 0) L.top = ra + i.B;  /* else previous instruction set top */
                    let f = stack[ra];
                    /* of Rivet's own Lua the caller's frame stays: it is the line that errors and positions
                       point at. The next instruction returns all results of the call. */
                    if (f instanceof LClosure && (!f.p.trusted || p.trusted)) {
                        lfunc.luaF_close(L, base);
                        let n = L.top - ra;
                        for (let j = 0; j < n; j++) stack[ci.funcOff + j] = stack[ra + j];
                        L.top = ci.funcOff + n;
                        ldo.luaD_pretail(L, ci, f);
                        continue newframe;
                    }
                    if (ldo.luaD_precall(L, ra, LUA_MULTRET)) break;
                    ci = L.ci;
                    continue newframe;
                }
                case 38: { /* RETURN */
                    if (L.openupval.length > 0) lfunc.luaF_close(L, base);
                    let b = ldo.luaD_poscall(L, ci, ra, (i.B !== 0 ? i.B - 1 : L.top - ra));
                    if (ci.callstatus & lstate.CIST_FRESH)
                        return; /* external invocation: return */
                    /* invocation via reentry: continue execution */
                    ci = L.ci;
                    if (b) L.top = ci.top;
                    continue newframe;
                }
                case 39: { /* FORLOOP */
                    if (ljit.loops(p)) {
                        let next = ljit.loop(L, ci, cl, pc - 1);
                        if (next !== pc - 1) {
                            pc = next;
                            break;
                        }
                    }
                    let idx = stack[ra];
                    let step = stack[ra + 2];
                    let limit = stack[ra + 1];
                    if (isinteger(idx)) { /* integer loop? */
                        idx += step;
                        if (0 < step ? idx <= limit : limit <= idx) {
                            pc += i.sBx;
                            stack[ra] = idx;  /* update internal index... */
                            stack[ra + 3] = idx;
                        }
                    } else { /* floating loop */
                        idx = floatof(idx) + floatof(step);
                        if (0 < floatof(step) ? idx <= floatof(limit) : floatof(limit) <= idx) {
                            pc += i.sBx;
                            stack[ra] = mkflt(idx);  /* update internal index... */
                            stack[ra + 3] = stack[ra];
                        }
                    }
                    break;
                }
                case 40: { /* FORPREP */
                    forprep(L, stack[ra], stack[ra + 1], stack[ra + 2]);
                    stack[ra] = loop.init;
                    stack[ra + 1] = loop.limit;
                    stack[ra + 2] = loop.step;
                    pc += i.sBx;
                    break;
                }
                case 41: { /* TFORCALL */
                    if (ljit.loops(p)) {
                        let next = ljit.loop(L, ci, cl, pc - 1);
                        if (next !== pc - 1) {
                            pc = next;
                            break;
                        }
                    }
                    let cb = ra + 3; /* call base */
                    stack[cb + 2] = stack[ra + 2];
                    stack[cb + 1] = stack[ra + 1];
                    stack[cb] = stack[ra];
                    L.top = cb + 3;  /* func. + 2 args (state and index) */
                    ldo.luaD_call(L, cb, i.C);
                    L.top = ci.top;
                    break;
                }
                case 42: { /* TFORLOOP */
                    if (stack[ra + 1] !== undefined) { /* continue loop? */
                        stack[ra] = stack[ra + 1]; /* save control variable */
                        pc += i.sBx; /* jump back */
                    }
                    break;
                }
                case 43: { /* SETLIST */
                    let n = i.B;
                    let c = i.C;
                    if (n === 0) n = L.top - ra - 1;
                    if (c === 0) c = code[pc++].Ax;
                    let first = (c - 1) * LFIELDS_PER_FLUSH;
                    if (lmarks.state.on) lmarks.list(ci, stack[ra], first, n);
                    ltable.luaH_setlist(stack[ra], first, stack, ra + 1, n);
                    L.top = ci.top;  /* correct top (in case of previous open call) */
                    break;
                }
                case 44: { /* CLOSURE */
                    stack[ra] = newclosure(L, p.p[i.Bx], cl.upvals, base);
                    break;
                }
                case 45: { /* VARARG */
                    let b = i.B - 1;
                    let n = ci.nvarargs;
                    let j;
                    if (b < 0) {
                        b = n;  /* get all var. arguments */
                        ldo.luaD_checkstack(L, n);
                        L.top = ra + n;
                    }
                    for (j = 0; j < b && j < n; j++) stack[ra + j] = stack[base - n + j];
                    for (; j < b; j++) stack[ra + j] = undefined; /* complete required results with nil */
                    break;
                }
                default: {
                    throw Error("invalid opcode");
                }
            }
        }
    }
};

const floatof = function(v) {
    return typeof v === "number" ? v : v.n;
};

/* what 'forprep' found: the first value is one step before the first turn's */
const loop = { init: 0, limit: 0, step: 0 };

const forprep = function(L, init, limit, step) {
    if (isinteger(init) && isinteger(step)) {
        let ilimit = isinteger(limit) ? limit : forlimit(limit, step);
        if (ilimit !== false) {  /* all values are integer */
            let initv = loop.stop ? 0 : init;
            loop.stop = false;
            if (!Number.isSafeInteger(initv - step))
                ldebug.luaG_runerror(L, "'for' step is too large");
            loop.init = initv - step;
            loop.limit = ilimit;
            loop.step = step;
            return true;
        }
    }
    let nlimit, nstep, ninit;
    if ((nlimit = tonumber(limit)) === false)
        ldebug.luaG_runerror(L, "'for' limit must be a number");
    if ((nstep = tonumber(step)) === false)
        ldebug.luaG_runerror(L, "'for' step must be a number");
    if ((ninit = tonumber(init)) === false)
        ldebug.luaG_runerror(L, "'for' initial value must be a number");
    loop.limit = mkflt(nlimit);
    loop.step = mkflt(nstep);
    loop.init = mkflt(ninit - nstep);
    return false;
};

/* the limit of an integer loop as an integer, false when it is no number */
const forlimit = function(limit, step) {
    loop.stop = false;
    let ilimit = luaV_tointeger(limit, step < 0 ? 2 : 1);
    if (ilimit !== false) return ilimit;
    let n = tonumber(limit);
    if (n === false) return false;
    if (0 < n) {
        if (step < 0) loop.stop = true;
        return LUA_MAXINTEGER;
    }
    if (step >= 0) loop.stop = true;
    return LUA_MININTEGER;
};
loop.stop = false;

const luaV_lessthan = function(L, l, r) {
    if (typeof l === "number" && typeof r === "number")
        return l < r;
    if (typeof l === "string" && typeof r === "string")
        return l < r;
    if (isnumber(l) && isnumber(r))
        return floatof(l) < floatof(r);
    let res = ltm.luaT_callorderTM(L, l, r, ltm.TMS.TM_LT);
    if (res === null)
        ldebug.luaG_ordererror(L, l, r);
    return res;
};

const luaV_lessequal = function(L, l, r) {
    if (typeof l === "number" && typeof r === "number")
        return l <= r;
    if (typeof l === "string" && typeof r === "string")
        return l <= r;
    if (isnumber(l) && isnumber(r))
        return floatof(l) <= floatof(r);
    let res = ltm.luaT_callorderTM(L, l, r, ltm.TMS.TM_LE);
    if (res !== null)
        return res;
    /* try 'lt': */
    L.ci.callstatus |= lstate.CIST_LEQ; /* mark it is doing 'lt' for 'le' */
    res = ltm.luaT_callorderTM(L, r, l, ltm.TMS.TM_LT);
    L.ci.callstatus ^= lstate.CIST_LEQ; /* clear mark */
    if (res === null)
        ldebug.luaG_ordererror(L, l, r);
    return !res; /* result is negated */
};

const luaV_equalobj = function(L, a, b) {
    if (a === b) return true;
    if (a instanceof Table) {
        if (!(b instanceof Table)) return false;
    } else if (a instanceof LFloat) {
        return b instanceof LFloat ? a.n === b.n : a.n === b;
    } else if (b instanceof LFloat) {
        return a === b.n;
    } else if (!(a instanceof Udata && b instanceof Udata))
        return false;
    if (L === null) return false;
    let tm = ltm.fasttm(a.metatable, ltm.TMS.TM_EQ);
    if (tm === null)
        tm = ltm.fasttm(b.metatable, ltm.TMS.TM_EQ);
    if (tm === null) /* no TM? */
        return false;
    return !isfalse(ltm.luaT_callTM(L, tm, a, b));
};

const luaV_rawequalobj = function(t1, t2) {
    return luaV_equalobj(null, t1, t2);
};

/*
** try to convert a value to an integer, rounding according to 'mode':
** mode === 0: accepts only integral values
** mode === 1: takes the floor of the number
** mode === 2: takes the ceil of the number
*/
const luaV_tointeger = function(v, mode) {
    if (typeof v === "string") v = lobject.luaO_tonumber(v);
    if (v instanceof LFloat) return v.n + 0;
    if (typeof v !== "number") return false;
    let f = Math.floor(v);
    if (v !== f) { /* not an integral value? */
        if (mode === 0)
            return false;  /* fails if mode demands integral value */
        else if (mode > 1)  /* needs ceil? */
            f += 1;  /* convert floor to ceil (remember: n !== f) */
    }
    return lua_numbertointeger(f);
};

const tointeger = function(v) {
    return isinteger(v) ? v : luaV_tointeger(v, 0);
};

/* a number, or what a string means, as one of JavaScript's; false when there is none */
const tonumber = function(v) {
    if (typeof v === "number") return v;
    if (typeof v === "string") v = lobject.luaO_tonumber(v);
    if (v instanceof LFloat) return v.n;
    return typeof v === "number" ? v : false;
};

/*
** Main operation '#rb'.
*/
const luaV_objlen = function(L, v) {
    let tm;
    if (v instanceof Table) {
        tm = ltm.fasttm(v.metatable, ltm.TMS.TM_LEN);
        if (tm === null) return v.arr.length; /* primitive len */
    } else if (typeof v === "string") {
        return v.length;
    } else {
        tm = ltm.luaT_gettmbyobj(L, v, ltm.TMS.TM_LEN);
        if (tm === undefined)
            ldebug.luaG_typeerror(L, v, "get length of", 1);
    }
    return ltm.luaT_callTM(L, tm, v, v);
};

/*
** Arithmetic. Integers are exact up to 2^53 - 1, a float beyond; nothing wraps around.
*/
const add = function(L, a, b) {
    if (typeof a === "number" && typeof b === "number") {
        let r = a + b;
        return !Number.isSafeInteger(r) || (Number.isSafeInteger(a) && Number.isSafeInteger(b)) ? r : new LFloat(r);
    }
    let x, y;
    if ((x = tonumber(a)) !== false && (y = tonumber(b)) !== false) return mkflt(x + y);
    return ltm.luaT_trybinTM(L, a, b, ltm.TMS.TM_ADD);
};

const sub = function(L, a, b) {
    if (typeof a === "number" && typeof b === "number") {
        let r = a - b;
        return !Number.isSafeInteger(r) || (Number.isSafeInteger(a) && Number.isSafeInteger(b)) ? r : new LFloat(r);
    }
    let x, y;
    if ((x = tonumber(a)) !== false && (y = tonumber(b)) !== false) return mkflt(x - y);
    return ltm.luaT_trybinTM(L, a, b, ltm.TMS.TM_SUB);
};

const mul = function(L, a, b) {
    if (typeof a === "number" && typeof b === "number") {
        let r = a * b;
        if (!Number.isSafeInteger(r)) return r;
        return Number.isSafeInteger(a) && Number.isSafeInteger(b) ? r + 0 : new LFloat(r);  /* + 0: an integer is never -0 */
    }
    let x, y;
    if ((x = tonumber(a)) !== false && (y = tonumber(b)) !== false) return mkflt(x * y);
    return ltm.luaT_trybinTM(L, a, b, ltm.TMS.TM_MUL);
};

const div = function(L, a, b) {
    let x, y;
    if ((x = tonumber(a)) !== false && (y = tonumber(b)) !== false) return mkflt(x / y);
    return ltm.luaT_trybinTM(L, a, b, ltm.TMS.TM_DIV);
};

const pow = function(L, a, b) {
    let x, y;
    if ((x = tonumber(a)) !== false && (y = tonumber(b)) !== false) return mkflt(Math.pow(x, y));
    return ltm.luaT_trybinTM(L, a, b, ltm.TMS.TM_POW);
};

const mod = function(L, a, b) {
    if (isinteger(a) && isinteger(b)) return luaV_mod(L, a, b);
    let x, y;
    if ((x = tonumber(a)) !== false && (y = tonumber(b)) !== false) return mkflt(luai_nummod(L, x, y));
    return ltm.luaT_trybinTM(L, a, b, ltm.TMS.TM_MOD);
};

const idiv = function(L, a, b) {
    if (isinteger(a) && isinteger(b)) return luaV_div(L, a, b);
    let x, y;
    if ((x = tonumber(a)) !== false && (y = tonumber(b)) !== false) return mkflt(Math.floor(x / y));
    return ltm.luaT_trybinTM(L, a, b, ltm.TMS.TM_IDIV);
};

const unm = function(L, a) {
    if (isinteger(a)) return 0 - a;
    let x = tonumber(a);
    if (x !== false) return mkflt(-x);
    return ltm.luaT_trybinTM(L, a, a, ltm.TMS.TM_UNM);
};

/* The result of a bitwise operation, null when no number holds it. */
const bits = function(L, n) {
    if (n === null)
        ldebug.luaG_runerror(L, "result of a bitwise operation does not fit into 53 bits");
    return n;
};

const bitop = function(op, event) {
    return function(L, a, b) {
        let x, y;
        if ((x = tointeger(a)) !== false && (y = tointeger(b)) !== false) return bits(L, luaV_bitwise(op, x, y));
        return ltm.luaT_trybinTM(L, a, b, event);
    };
};

const band = bitop(LUA_OPBAND, 13);
const bor = bitop(LUA_OPBOR, 14);
const bxor = bitop(LUA_OPBXOR, 15);

const shl = function(L, a, b) {
    let x, y;
    if ((x = tointeger(a)) !== false && (y = tointeger(b)) !== false) return bits(L, luaV_shiftl(x, y));
    return ltm.luaT_trybinTM(L, a, b, ltm.TMS.TM_SHL);
};

const shr = function(L, a, b) {
    let x, y;
    if ((x = tointeger(a)) !== false && (y = tointeger(b)) !== false) return bits(L, luaV_shiftl(x, -y));
    return ltm.luaT_trybinTM(L, a, b, ltm.TMS.TM_SHR);
};

const bnot = function(L, a) {
    let x = tointeger(a);
    if (x !== false) return bits(L, luaV_bitwise(LUA_OPBXOR, x, -1));
    return ltm.luaT_trybinTM(L, a, a, ltm.TMS.TM_BNOT);
};

/* by opcode */
const arith = [];
arith[13] = add;
arith[14] = sub;
arith[15] = mul;
arith[16] = mod;
arith[17] = pow;
arith[18] = div;
arith[19] = idiv;
arith[20] = band;
arith[21] = bor;
arith[22] = bxor;
arith[23] = shl;
arith[24] = shr;

const luaV_div = function(L, m, n) {
    if (n === 0)
        ldebug.luaG_runerror(L, "attempt to divide by zero");
    return Math.floor(m / n) + 0;  /* exact below 2^53; + 0: an integer is never -0 */
};

// % semantic on negative numbers is different in js
const luaV_mod = function(L, m, n) {
    if (n === 0)
        ldebug.luaG_runerror(L, "attempt to perform 'n%%0'");
    let r = m % n;
    if (r !== 0 && (r < 0) !== (n < 0)) r += n;
    return r + 0;
};

const isint32 = function(n) {
    return (n | 0) === n;
};

/* A 64-bit two's complement integer as a number, null when it is not exact. */
const frombits = function(big) {
    let n = Number(BigInt.asIntN(64, big));
    return BigInt(n) === BigInt.asIntN(64, big) ? n : null;
};

/* '&', '|' and '~' of integers as 64-bit two's complement. */
const luaV_bitwise = function(op, x, y) {
    if (isint32(x) && isint32(y)) {
        switch (op) {
            case LUA_OPBAND: return x & y;
            case LUA_OPBOR: return x | y;
            default: return x ^ y;
        }
    }
    let a = BigInt(x);
    let b = BigInt(y);
    switch (op) {
        case LUA_OPBAND: return frombits(a & b);
        case LUA_OPBOR: return frombits(a | b);
        default: return frombits(a ^ b);
    }
};

const NBITS = 64;

/* Logical shift of a 64-bit integer. */
const luaV_shiftl = function(x, y) {
    if (y <= -NBITS || y >= NBITS) return 0;
    if (y < 0 && y > -32 && x >= 0 && isint32(x)) return x >>> -y;
    if (y >= 0 && Number.isSafeInteger(x * 2 ** y)) return x * 2 ** y;
    let big = BigInt.asUintN(64, BigInt(x));
    return frombits(y < 0 ? big >> BigInt(-y) : big << BigInt(y));
};

/*
** a closure of 'p': the last one when it has the same variables
*/
const newclosure = function(L, p, encup, base) {
    let uv = p.upvalues;
    let n = uv.length;
    let ncl = new LClosure(p, n);
    for (let i = 0; i < n; i++)
        ncl.upvals[i] = uv[i].instack ? lfunc.luaF_findupval(L, base + uv[i].idx) : encup[uv[i].idx];
    return cached(p, ncl);
};

const cached = function(p, ncl) {
    let c = p.cache;
    if (c !== null) {
        let n = ncl.upvals.length;
        let i = 0;
        while (i < n && c.upvals[i] === ncl.upvals[i]) i++;
        if (i === n) return c;
    }
    p.cache = ncl;
    return ncl;
};

/* a string or number as a string, undefined when it is neither */
const tostring = function(v) {
    if (typeof v === "string") return v;
    return isnumber(v) ? lobject.luaO_tostring(v) : undefined;
};

/*
** Main operation for concatenation: concat 'total' values in the stack,
** from 'L->top - total' up to 'L->top - 1'.
*/
const luaV_concat = function(L, total) {
    let stack = L.stack;
    do {
        let top = L.top;
        let n = 2; /* number of elements handled in this pass (at least 2) */
        let s = tostring(stack[top - 1]);
        let before = s === undefined ? undefined : tostring(stack[top - 2]);
        if (before === undefined) {
            stack[top - 2] = ltm.luaT_trybinTM(L, stack[top - 2], stack[top - 1], ltm.TMS.TM_CONCAT);
        } else {
            s = before + s;
            for (; n < total; n++) {  /* get as many strings as possible */
                before = tostring(stack[top - n - 1]);
                if (before === undefined) break;
                s = before + s;
            }
            claim(L, s.length);
            stack[top - n] = s;
        }
        total -= n - 1; /* got 'n' strings to create 1 new */
        L.top = top - (n - 1); /* popped 'n' strings and pushed one */
    } while (total > 1); /* repeat until only 1 result left */
};

const MAXTAGLOOP = 2000;

/* t[key] */
const index = function(L, t, key) {
    for (let loop = 0; loop < MAXTAGLOOP; loop++) {
        let tm;
        if (t instanceof Table) {
            let v = ltable.luaH_get(t, key);
            if (v !== undefined) return v;
            tm = ltm.fasttm(t.metatable, ltm.TMS.TM_INDEX);  /* table's metamethod */
            if (tm === null) return undefined; /* no metamethod: result is nil */
        } else {
            tm = ltm.luaT_gettmbyobj(L, t, ltm.TMS.TM_INDEX);
            if (tm === undefined)
                ldebug.luaG_typeerror(L, t, "index", loop === 0 ? 1 : 0); /* no metamethod */
        }
        if (isfunction(tm)) return ltm.luaT_callTM(L, tm, t, key); /* is metamethod a function? call it */
        t = tm;  /* else try to access 'tm[key]' */
    }

    ldebug.luaG_runerror(L, "'__index' chain too long; possible loop");
};

/* t[key] = value */
const setindex = function(L, t, key, value) {
    for (let loop = 0; loop < MAXTAGLOOP; loop++) {
        let tm;
        if (t instanceof Table) {
            if (t.metatable === null || (tm = ltm.fasttm(t.metatable, ltm.TMS.TM_NEWINDEX)) === null ||
                ltable.luaH_get(t, key) !== undefined) {
                ltable.luaH_setfrom(L, t, key, value);
                return;
            }
            /* else will try the metamethod */
        } else { /* not a table; check metamethod */
            tm = ltm.luaT_gettmbyobj(L, t, ltm.TMS.TM_NEWINDEX);
            if (tm === undefined)
                ldebug.luaG_typeerror(L, t, "index", loop === 0 ? 1 : 0);
        }
        /* try the metamethod */
        if (isfunction(tm)) {
            ltm.luaT_callTMset(L, tm, t, key, value);
            return;
        }
        t = tm;  /* else repeat assignment over 'tm' */
    }

    ldebug.luaG_runerror(L, "'__newindex' chain too long; possible loop");
};

module.exports.add              = add;
module.exports.arith            = arith;
module.exports.bnot             = bnot;
module.exports.cached           = cached;
module.exports.div              = div;
module.exports.floatof          = floatof;
module.exports.forprep          = forprep;
module.exports.idiv             = idiv;
module.exports.index            = index;
module.exports.isfalse          = isfalse;
module.exports.loop             = loop;
module.exports.luaV_concat      = luaV_concat;
module.exports.luaV_equalobj    = luaV_equalobj;
module.exports.luaV_execute     = luaV_execute;
module.exports.luaV_finishOp    = luaV_finishOp;
module.exports.luaV_lessequal   = luaV_lessequal;
module.exports.luaV_lessthan    = luaV_lessthan;
module.exports.luaV_objlen      = luaV_objlen;
module.exports.luaV_rawequalobj = luaV_rawequalobj;
module.exports.luaV_tointeger   = luaV_tointeger;
module.exports.mod              = mod;
module.exports.mul              = mul;
module.exports.pow              = pow;
module.exports.setindex         = setindex;
module.exports.sub              = sub;
module.exports.tointeger        = tointeger;
module.exports.tonumber         = tonumber;
module.exports.tostring         = tostring;
module.exports.unm              = unm;
