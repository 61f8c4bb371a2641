"use strict";

/*
** Rivet: foresees the host call that a suspended thread makes next, if the one it waits for is
** answered as expected. Its Lua is evaluated from there on, in copies of its frames: what would have
** an effect, or is not certain, ends the evaluation with nothing. What it finds is what the thread
** will do.
*/

const { LUA_MULTRET, thread_status: { LUA_YIELD } } = require('./defs.js');
const { INDEXK, ISK, LFIELDS_PER_FLUSH } = require('./lopcodes.js');
const { LUAI_MAXSTACK } = require('./luaconf.js');
const ltable  = require('./ltable.js');
const lvm     = require('./lvm.js');
const { LClosure, isinteger, isnumber, mkflt } = require('./lvalue.js');
const { STRING_MAX, UNKNOWN, View, answerof, give_up } = require('./lview.js');

const CIST_LUA = 1 << 1;
const OP_CALL = 36;
const OP_TAILCALL = 37;
const OP_TFORCALL = 41;

const VALUES_MAX = 250;         /* arguments or results of one call */
const STACK_MAX = LUAI_MAXSTACK / 2; /* of a thread: one that is near an overflow is left alone */
const ITERATOR_STEPS = 10;      /* for an iterator in Lua: few may run inside of one another */
const NO_VALUES = [];

class Frame {
    constructor(cl) {
        this.cl = cl;
        this.p = cl.p;
        this.pc = 0;
        this.regs = NO_VALUES;
        this.varargs = NO_VALUES;
        this.top = 0;           /* of the values of an open call or '...' */
        this.ret = 0;           /* register of the caller where the results go */
        this.wanted = 0;
        this.caller = null;     /* null: that of 'ci' */
        this.ci = null;         /* the frame of the thread this one is, or took the place of */
        this.captured = null;   /* variables among the registers that closures share */
    }

    write(view, r, v) {
        this.regs[r] = v;
        if (this.captured !== null && this.captured.has(r)) view.vars.set(this.captured.get(r), v);
    }

    rk(x) {
        return ISK(x) ? this.p.kr[INDEXK(x)] : this.regs[x];
    }

    /* values from register 'from' on: 'count', or up to the top when it is negative */
    values(from, count) {
        return this.regs.slice(from, count < 0 ? this.top : from + count);
    }
}

/* the frame of a Lua function that is called */
const entered = function(view, cl, args) {
    let f = new Frame(cl);
    let p = cl.p;
    view.spend(p.maxstacksize >> 3);
    f.regs = new Array(p.maxstacksize).fill(undefined);
    for (let i = 0; i < p.numparams && i < args.length; i++) f.regs[i] = args[i];
    if (p.is_vararg && args.length > p.numparams) f.varargs = args.slice(p.numparams);
    return f;
};

/* a frame of the thread, as it will be when it goes on */
const resumed = function(view, ci) {
    if (!(ci.callstatus & CIST_LUA)) give_up();
    let { L } = view;
    let f = new Frame(ci.func);
    let base = ci.l_base;
    let size = f.p.maxstacksize;
    let opcode = f.p.code[ci.l_savedpc - 1].opcode;
    if (opcode !== OP_CALL && opcode !== OP_TAILCALL && opcode !== OP_TFORCALL) give_up();
    view.spend(size >> 3);
    f.ci = ci;
    f.pc = ci.l_savedpc;
    f.regs = L.stack.slice(base, base + size);
    if (f.p.is_vararg) f.varargs = varargsof(L, ci);
    for (let uv of L.openupval) {
        if (uv.i < base || uv.i >= base + size) continue;
        if (f.captured === null) f.captured = new Map();
        f.captured.set(uv.i - base, uv);
        f.regs[uv.i - base] = view.variable(uv);
    }
    return f;
};

const varargsof = function(L, ci) {
    if (ci.nvarargs > VALUES_MAX) give_up();
    return L.stack.slice(ci.l_base - ci.nvarargs, ci.l_base);
};

/* results of a call, where the instruction that made it wants them */
const place = function(view, f, r, wanted, values) {
    let n = wanted === LUA_MULTRET ? values.length : wanted;
    if (r < 0 || n > VALUES_MAX) give_up();
    view.spend(n >> 3);
    for (let i = 0; i < n; i++) f.write(view, r + i, values[i]);
    f.top = r + n;
};

/* the frame of the thread below 'ci', given the results of 'ci' */
const below = function(view, ci, values) {
    let f = resumed(view, ci.previous);
    place(view, f, ci.ret - ci.previous.l_base, ci.nresults, values);
    return f;
};

const finished = function(view, f, values) {
    if (f.caller === null) return below(view, f.ci, values);
    place(view, f.caller, f.ret, f.wanted, values);
    return f.caller;
};

class Evaluation {
    constructor(view, frame) {
        this.view = view;
        this.frame = frame;
        this.found = null; /* the host call: its name and arguments */
    }

    /* calls a value; results go to register 'r' of the current frame */
    call(fn, args, r, wanted) {
        let caller = this.frame;
        if (fn instanceof LClosure) {
            let f = entered(this.view, fn, args);
            f.caller = caller;
            f.ret = r;
            f.wanted = wanted;
            this.frame = f;
            return;
        }
        if (typeof fn !== "function") give_up();
        if (fn.hostcall !== undefined)
            this.found = fn.hostcall === null ? { name: args[0], args: args.slice(1) } : { name: fn.hostcall, args };
        else if (fn.pure !== undefined)
            place(this.view, caller, r, wanted, fn.pure(this.view, args));
        else
            give_up();
    }

    tailcall(i) {
        let f = this.frame;
        let fn = f.regs[i.A];
        let args = f.values(i.A + 1, i.B - 1);
        if (!(fn instanceof LClosure) || (fn.p.trusted && !f.p.trusted)) {
            this.call(fn, args, i.A, LUA_MULTRET);
            return;
        }
        let next = entered(this.view, fn, args);
        next.caller = f.caller;
        next.ret = f.ret;
        next.wanted = f.wanted;
        next.ci = f.ci;
        this.frame = next;
    }

    /* an assignment to a variable that closures share; it may be a register of the thread's frame */
    setvariable(uv, v) {
        this.view.vars.set(uv, v);
        for (let f = this.frame; f !== null; f = f.caller) {
            if (f.captured === null) continue;
            for (let [r, other] of f.captured) if (other === uv) f.regs[r] = v;
        }
    }

    /* the position of the user's line that is evaluated */
    place() {
        let last = this.frame;
        for (let f = last; f !== null; last = f, f = f.caller)
            if (!f.p.trusted) return position(f.p, f.pc - 1);
        for (let ci = last.ci.previous; ci !== null; ci = ci.previous)
            if (ci.callstatus & CIST_LUA && !ci.func.p.trusted) return position(ci.func.p, ci.l_savedpc - 1);
        return null;
    }
}

const position = function(p, pc) {
    return { source: p.source, line: p.lineinfo[pc], column: p.columns[pc] };
};

const arithmetic = function(opcode, a, b) {
    if (a === UNKNOWN || b === UNKNOWN) {
        /* any number: but not what may fail for some */
        if (opcode === 16 || opcode > 18) give_up();
        if ((a !== UNKNOWN && !isnumber(a)) || (b !== UNKNOWN && !isnumber(b))) give_up();
        return UNKNOWN;
    }
    if (!isnumber(a) || !isnumber(b)) give_up();
    if ((opcode === 16 || opcode === 19) && b === 0) give_up();
    return lvm.arith[opcode](null, a, b);
};

const negative = function(v) {
    if (v === UNKNOWN) return UNKNOWN;
    return isnumber(v) ? lvm.unm(null, v) : give_up();
};

const concat = function(values) {
    let s = "";
    for (let v of values) {
        let text = lvm.tostring(v);
        if (text === undefined || s.length + text.length > STRING_MAX) give_up();
        s += text;
    }
    return s;
};

const less = function(view, orequal, a, b) {
    if (typeof a === "string" && typeof b === "string") view.small(a);
    else if (!isnumber(a) || !isnumber(b)) give_up();
    return orequal ? lvm.luaV_lessequal(null, a, b) : lvm.luaV_lessthan(null, a, b);
};

const forprep = function(view, f, ra) {
    let { regs } = f;
    if (!isnumber(regs[ra]) || !isnumber(regs[ra + 1]) || !isnumber(regs[ra + 2])) give_up();
    lvm.forprep(null, regs[ra], regs[ra + 1], regs[ra + 2]);
    f.write(view, ra, lvm.loop.init);
    f.write(view, ra + 1, lvm.loop.limit);
    f.write(view, ra + 2, lvm.loop.step);
};

const forloop = function(view, f, ra) {
    let { regs } = f;
    let step = lvm.floatof(regs[ra + 2]);
    let index = lvm.floatof(regs[ra]) + step;
    let limit = lvm.floatof(regs[ra + 1]);
    if (!(0 < step ? index <= limit : limit <= index)) return false;
    let v = isinteger(regs[ra]) ? index : mkflt(index);
    f.write(view, ra, v);
    f.write(view, ra + 3, v);
    return true;
};

const setlist = function(view, f, i) {
    let t = f.regs[i.A];
    if (!view.made.has(t)) t = view.writable(t); /* begun before the thread was suspended */
    let c = i.C === 0 ? f.p.code[f.pc++].Ax : i.C;
    let values = f.values(i.A + 1, i.B === 0 ? -1 : i.B);
    ltable.luaH_setlist(t, (c - 1) * LFIELDS_PER_FLUSH, values, 0, values.length);
};

const vararg = function(view, f, i) {
    place(view, f, i.A, i.B - 1, f.varargs);
};

const close = function(f, from) {
    if (f.captured === null) return;
    for (let r of f.captured.keys()) if (r >= from) f.captured.delete(r);
};

const istrue = function(v) {
    return v !== undefined && v !== false;
};

const evaluate = function(e) {
    let { view } = e;
    while (e.found === null) {
        let f = e.frame;
        let { regs } = f;
        let i = f.p.code[f.pc++];
        let ra = i.A;
        view.spend(1);
        switch (i.opcode) {
            case 0: f.write(view, ra, regs[i.B]); break; /* MOVE */
            case 1: f.write(view, ra, f.p.kr[i.Bx]); break; /* LOADK */
            case 2: f.write(view, ra, f.p.kr[f.p.code[f.pc++].Ax]); break; /* LOADKX */
            case 3: /* LOADBOOL */
                f.write(view, ra, i.B !== 0);
                if (i.C !== 0) f.pc++;
                break;
            case 4: /* LOADNIL */
                for (let j = 0; j <= i.B; j++) f.write(view, ra + j, undefined);
                break;
            case 5: f.write(view, ra, view.variable(f.cl.upvals[i.B])); break; /* GETUPVAL */
            case 6: f.write(view, ra, view.get(view.variable(f.cl.upvals[i.B]), f.rk(i.C))); break; /* GETTABUP */
            case 7: f.write(view, ra, view.get(regs[i.B], f.rk(i.C))); break; /* GETTABLE */
            case 8: view.set(view.variable(f.cl.upvals[ra]), f.rk(i.B), f.rk(i.C)); break; /* SETTABUP */
            case 9: e.setvariable(f.cl.upvals[i.B], regs[ra]); break; /* SETUPVAL */
            case 10: view.set(regs[ra], f.rk(i.B), f.rk(i.C)); break; /* SETTABLE */
            case 11: f.write(view, ra, view.newtable()); break; /* NEWTABLE */
            case 12: { /* SELF */
                let o = regs[i.B];
                f.write(view, ra + 1, o);
                f.write(view, ra, view.get(o, f.rk(i.C)));
                break;
            }
            case 13: case 14: case 15: case 16: case 17: case 18: case 19: /* ADD to IDIV */
                f.write(view, ra, arithmetic(i.opcode, f.rk(i.B), f.rk(i.C)));
                break;
            case 25: f.write(view, ra, negative(regs[i.B])); break; /* UNM */
            case 27: f.write(view, ra, !istrue(regs[i.B])); break; /* NOT */
            case 28: f.write(view, ra, view.length(regs[i.B])); break; /* LEN */
            case 29: f.write(view, ra, concat(regs.slice(i.B, i.C + 1))); break; /* CONCAT */
            case 30: /* JMP */
                if (ra !== 0) close(f, ra - 1);
                f.pc += i.sBx;
                break;
            case 31: if (view.equal(f.rk(i.B), f.rk(i.C)) !== (ra !== 0)) f.pc++; break; /* EQ */
            case 32: if (less(view, false, f.rk(i.B), f.rk(i.C)) !== (ra !== 0)) f.pc++; break; /* LT */
            case 33: if (less(view, true, f.rk(i.B), f.rk(i.C)) !== (ra !== 0)) f.pc++; break; /* LE */
            case 34: if (istrue(regs[ra]) !== (i.C !== 0)) f.pc++; break; /* TEST */
            case 35: /* TESTSET */
                if (istrue(regs[i.B]) !== (i.C !== 0)) f.pc++;
                else f.write(view, ra, regs[i.B]);
                break;
            case 36: e.call(regs[ra], f.values(ra + 1, i.B - 1), ra, i.C - 1); break; /* CALL */
            case 37: e.tailcall(i); break; /* TAILCALL */
            case 38: e.frame = finished(view, f, f.values(ra, i.B - 1)); break; /* RETURN */
            case 39: if (forloop(view, f, ra)) f.pc += i.sBx; break; /* FORLOOP */
            case 40: /* FORPREP */
                forprep(view, f, ra);
                f.pc += i.sBx;
                break;
            case 41: /* TFORCALL */
                if (regs[ra] instanceof LClosure) view.spend(ITERATOR_STEPS);
                e.call(regs[ra], [regs[ra + 1], regs[ra + 2]], ra + 3, i.C);
                break;
            case 42: /* TFORLOOP */
                if (regs[ra + 1] === undefined) break;
                f.write(view, ra, regs[ra + 1]);
                f.pc += i.sBx;
                break;
            case 43: setlist(view, f, i); break; /* SETLIST */
            case 45: vararg(view, f, i); break; /* VARARG */
            default: give_up(); /* bits, CLOSURE */
        }
    }
    return e.found;
};

/*
** The host call that 'L', which waits for one, makes next if that is answered with 'answer' alone
** (answerof): its name, arguments (data) and place; null when that is not certain. 'names' are the
** calls that are looked for.
*/
const foresee = function(L, answer, names) {
    if (L.status !== LUA_YIELD || L.ci.previous === null || L.top > STACK_MAX) return null;
    try {
        let view = new View(L, answer);
        let e = new Evaluation(view, below(view, L.ci, [answer]));
        let { name, args } = evaluate(e);
        if (!names.has(name)) return null;
        return { name, args: args.map(v => view.data(v, 0)), place: e.place() };
    } catch (_) {
        return null; /* UNSURE, or a defect: nothing was changed */
    }
};

module.exports.answerof = answerof;
module.exports.foresee  = foresee;
