"use strict";

/*
** Rivet: writes a Lua function, or a loop of one, as JavaScript (see ljit.js for how it is called).
** Bytecode of Lua has single-entry loops and jumps forward that nest once their blocks begin early
** enough, so that both become labelled statements. What does not fit is left to the interpreter.
**
** Everything in the text is made here from opcodes, numbers of registers, indices and integers.
*/

const { INDEXK, ISK, LFIELDS_PER_FLUSH } = require('./lopcodes.js');
const { CIST_JS, DEPTH_JS } = require('./lstate.js');

const CODE_MAX = 3000; /* instructions */
const LABELS_MAX = 400; /* loops and targets of jumps, which are compared with each other */
const ARGUMENTS_MAX = 250; /* of a call in JavaScript, whose stack they use up */

const REGISTERS_FEW = 50;

/* depth up to which a function runs as JavaScript: one with many registers needs much of its stack */
const depthof = function(p) {
    return p.maxstacksize > REGISTERS_FEW ? DEPTH_JS >> 3 : DEPTH_JS;
};

/* what is made counts as several steps: memory is measured by steps */
const ALLOCATION = "B.steps -= 8;";

const isint32 = function(v) {
    return typeof v === "number" && (v | 0) === v && !Object.is(v, -0);
};

/* registers that closures of this function share */
const capturedof = function(p) {
    let captured = new Set();
    for (let inner of p.p)
        for (let uv of inner.upvalues) if (uv.instack) captured.add(uv.idx);
    return captured;
};

/* the loops of a function, by the instruction that heads them */
const loopsof = function(code) {
    let loops = new Map();
    let skipped = new Set(); /* jumps that are part of a 'for' */
    for (let pc = 0; pc < code.length; pc++) {
        let i = code[pc];
        if (i.opcode === 39) { /* FORLOOP */
            let s = pc + 1 + i.sBx;
            loops.set(pc, { kind: "for", id: pc, s, e: pc + 1 });
            skipped.add(s - 1);
        } else if (i.opcode === 42) { /* TFORLOOP */
            let s = pc + 1 + i.sBx;
            loops.set(pc - 1, { kind: "tfor", id: pc - 1, s, e: pc + 1 });
            skipped.add(s - 1);
        }
    }
    for (let pc = 0; pc < code.length; pc++) {
        let i = code[pc];
        if (i.opcode !== 30 || i.sBx >= 0) continue; /* JMP back */
        let s = pc + 1 + i.sBx;
        let known = loops.get(s);
        if (known === undefined) loops.set(s, { kind: "jmp", id: s, s, e: pc + 1 });
        else if (known.kind === "jmp") known.e = Math.max(known.e, pc + 1);
        else return null;
    }
    return { loops, skipped };
};

const isconditional = function(opcode) {
    return opcode >= 31 && opcode <= 35; /* EQ, LT, LE, TEST, TESTSET */
};

class Writer {
    constructor(p, lo, hi, head) {
        this.p = p;
        this.code = p.code;
        this.lo = lo;
        this.hi = hi;
        this.head = head; /* the loop that is written, null for a function */
        this.captured = capturedof(p);
        this.out = [];
        this.caches = [];
        this.flags = new Set(); /* whether a 'for' counts integers */
        this.scopes = []; /* open labels, outermost first */
        this.open = -1;   /* register that the values of M begin at */
        this.upvals = new Set();
        this.nowhere = false; /* a jump leads out of the function: what is written is of no use */
    }

    put(text) {
        this.out.push(text);
    }

    /* ---- operands ---- */

    reg(r) {
        return this.captured.has(r) ? `u${r}.s[0]` : `r${r}`;
    }

    constant(k) {
        let v = this.p.kr[k];
        if (isint32(v)) return v < 0 ? `(${v})` : String(v);
        if (v === undefined) return "undefined";
        if (v === true || v === false) return String(v);
        return `K[${k}]`;
    }

    rk(x) {
        return ISK(x) ? this.constkey(INDEXK(x)) : this.reg(x);
    }

    constkey(k) {
        let text = this.constant(k);
        if (text[0] !== "K") return text;
        this.consts.add(k);
        return `k${k}`;
    }

    kvalue(x) {
        return ISK(x) ? this.p.kr[INDEXK(x)] : undefined;
    }

    upval(i) {
        this.upvals.add(i);
        return `x${i}.s[x${i}.i]`;
    }

    at(pc) {
        return `ci.l_savedpc = ${pc + 1}`;
    }

    regs() {
        let list = [];
        for (let r = 0; r < this.p.maxstacksize; r++) list.push(this.captured.has(r) ? `u${r}` : `r${r}`);
        return `[${list.join(",")}]`;
    }

    /* 'first' to the last register before 'end', and what the open call before gave */
    list(first, b) {
        let items = [];
        let end = b === 0 ? this.open : first + b - 1;
        for (let r = first; r < end; r++) items.push(this.reg(r));
        if (b === 0) items.push("...M");
        return items;
    }

    /* ---- jumps ---- */

    plan() {
        let found = loopsof(this.code);
        if (found === null) return false;
        this.skipped = found.skipped;
        this.loops = [];
        for (let l of found.loops.values()) {
            let inside = l.s >= this.lo && l.e <= this.hi;
            let outside = l.e <= this.lo || l.s >= this.hi || (l.s <= this.lo && l.e >= this.hi && l.id !== this.head?.id);
            if (inside) this.loops.push({ ...l });
            else if (!outside) return false;
        }
        let blocks = new Map();
        this.targets = new Set();
        for (let pc = this.lo; pc < this.hi; pc++) {
            let i = this.code[pc];
            let target = -1;
            let from = pc;
            if (i.opcode === 30 && !this.skipped.has(pc)) target = pc + 1 + i.sBx;
            else if (i.opcode === 3 && i.C !== 0) target = pc + 2;
            else if (isconditional(i.opcode)) {
                let next = this.code[pc + 1];
                if (next.opcode !== 30 || pc + 1 >= this.hi) return false;
                target = pc + 2 + next.sBx;
                pc++;
            }
            if (target === -1) continue;
            this.targets.add(target);
            if (target <= pc || target >= this.hi || this.breaks(from, target) !== undefined) continue;
            let known = blocks.get(target);
            if (known === undefined) blocks.set(target, { kind: "block", id: target, s: from, e: target });
        }
        this.all = [...this.loops, ...blocks.values()];
        return this.all.length <= LABELS_MAX && this.nest();
    }

    /* the loop that a jump leaves to right behind it */
    breaks(pc, target) {
        return this.loops.find(l => l.e === target && l.s <= pc && pc < l.e);
    }

    nest() {
        for (let round = 0; round < 1000; round++) {
            let changed = false;
            for (let x of this.all) {
                for (let b of this.all) {
                    if (x === b || !(x.s < b.s && b.s < x.e && x.e < b.e)) continue;
                    if (b.kind === "block") b.s = x.s;
                    else if (x.kind === "jmp") x.e = b.e;
                    else return false;
                    changed = true;
                }
            }
            if (!changed) return this.all.every(b => b.kind !== "block" || !this.loops.some(l => b.s < l.s && l.s < b.e && b.e < l.e));
        }
        return false;
    }

    /* closes and opens what ends and begins at 'pc' */
    labels(pc) {
        while (this.scopes.length > 0 && this.scopes[this.scopes.length - 1].e === pc) {
            let scope = this.scopes.pop();
            this.put(scope.kind === "jmp" ? `break L${scope.id}; }` : "}");
        }
        let begin = this.all.filter(x => x.s === pc);
        begin.sort((a, b) => b.e - a.e || (a.kind === "block" ? -1 : 1));
        for (let x of begin) {
            this.scopes.push(x);
            if (x.kind === "block") this.put(`B${x.id}: {`);
            else this.openloop(x);
        }
    }

    openloop(l) {
        this.put(`L${l.id}: for (;;) { if (--B.steps <= 0) { ${this.at(l.kind === "jmp" ? l.s : l.id)}; B.check(L); }`);
        if (l.kind === "for") this.forhead(l);
        else if (l.kind === "tfor") this.tforhead(l);
    }

    goto(pc, target) {
        let loop = this.scopes.find(x => x.kind !== "block" && x.e === target);
        if (loop !== undefined && target > pc) return `break L${loop.id};`;
        if (target <= pc) {
            loop = this.scopes.findLast(x => x.kind === "jmp" && x.s === target);
            if (loop !== undefined) return `continue L${loop.id};`;
        } else if (this.scopes.some(x => x.kind === "block" && x.e === target))
            return `break B${target};`;
        if (this.head === null) this.nowhere = true;
        return `return leave(L, ci, ${this.regs()}, ${target});`;
    }

    jump(pc, jmp) {
        let text = "";
        if (jmp.A !== 0) {
            for (let r of this.captured)
                if (r >= jmp.A - 1) text += `u${r} = new UpVal([u${r}.s[0]], 0); `;
        }
        return text + this.goto(pc, pc + 1 + jmp.sBx);
    }

    /* ---- instructions ---- */

    forhead(l) {
        let i = this.code[l.id];
        let a = i.A;
        let f = `f${l.id}`;
        this.flags.add(l.id);
        let before = l.s >= 2 ? this.code[l.s - 2] : undefined;
        let step = before !== undefined && before.opcode === 1 && before.A === a + 2 ? this.p.kr[before.Bx] : undefined;
        let [index, limit, stepreg] = [0, 1, 2].map(j => this.reg(a + j));
        this.put(`if (${f}) {`);
        if (isint32(step) && step !== 0)
            this.put(`t = ${index} + ${step < 0 ? `(${step})` : step}; if (t ${step > 0 ? ">" : "<"} ${limit}) break L${l.id};`);
        else
            this.put(`t = ${index} + ${stepreg}; if (${stepreg} > 0 ? t > ${limit} : t < ${limit}) break L${l.id};`);
        this.put(`} else { t = fornext(${index}, ${limit}, ${stepreg}); if (t === undefined) break L${l.id}; }`);
        this.put(`${index} = t; ${this.reg(a + 3)} = t;`);
    }

    forprep(pc, i) {
        let a = i.A;
        let f = `f${pc + 1 + i.sBx}`;
        let [init, limit, step] = [0, 1, 2].map(j => this.reg(a + j));
        let checks = [init, limit, step].map(r => `typeof ${r} === "number" && (${r} | 0) === ${r}`).join(" && ");
        this.put(`if (${checks}) { ${f} = true; ${init} = ${init} - ${step}; }`);
        this.put(`else { ${this.at(pc)}; ${f} = forprep(L, ${init}, ${limit}, ${step}); ${init} = loop.init; ${limit} = loop.limit; ${step} = loop.step; }`);
    }

    tforhead(l) {
        let i = this.code[l.id];
        let a = i.A;
        let [f, s, c] = [0, 1, 2].map(j => this.reg(a + j));
        let results = [];
        for (let j = 0; j < i.C; j++) results.push(this.reg(a + 3 + j));
        let rest = (from) => results.slice(from).map(r => `${r} = undefined;`).join(" ");
        this.flags.add(`n${l.id}`);
        this.put(`${this.at(l.id)}; if (${f} === known.next && ${s} instanceof Table) {`);
        this.put(`n${l.id} = nextpos(L, ${s}, ${c}, n${l.id}); if (n${l.id} < 0) break L${l.id};`);
        this.put(`${results[0]} = slotkey(${s}, n${l.id}); ${results.length > 1 ? `${results[1]} = slotvalue(${s}, n${l.id});` : ""} ${rest(2)}`);
        this.put(`} else if (${f} === known.ipairs && ${s} instanceof Table && typeof ${c} === "number" && ${c} >= 0 && ${c} < ${s}.arr.length && (v = ${s}.arr[${c}]) !== undefined) {`);
        this.put(`${results[0]} = ${c} + 1; ${results.length > 1 ? `${results[1]} = v;` : ""} ${rest(2)}`);
        this.put(`} else {`);
        this.put(`f = ${f}; v = f instanceof LClosure && f.p.js !== null ? f.p.js(L, f, ${s}, ${c}) : call2(L, f, ${s}, ${c});`);
        this.take(a + 3, i.C);
        this.put(`if (${results[0]} === undefined) break L${l.id}; }`);
        this.put(`${c} = ${results[0]};`);
    }

    /* results of the call whose first one is v, from register 'a' on */
    take(a, n) {
        if (n === 0) return;
        this.put(`${this.reg(a)} = v;`);
        if (n === 1) return;
        let some = [], none = [];
        for (let j = 1; j < n; j++) {
            some.push(`${this.reg(a + j)} = L.rets[${j}];`);
            none.push(`${this.reg(a + j)} = undefined;`);
        }
        this.put(`if (L.nres > 1) { ${some.join(" ")} } else { ${none.join(" ")} }`);
    }

    call(pc, i) {
        let args = this.list(i.A + 1, i.B);
        let fixed = i.B !== 0;
        let slow = fixed && args.length <= 3
            ? `call${args.length}(${["L", "f", ...args].join(", ")})`
            : `callv(L, f, [${args.join(", ")}])`;
        this.put(`${this.at(pc)}; f = ${this.reg(i.A)};`);
        let some = fixed ? "" : ` && M.length <= ${ARGUMENTS_MAX}`;
        this.put(`v = f instanceof LClosure && f.p.js !== null${some} ? f.p.js(${["L", "f", ...args].join(", ")}) : ${slow};`);
    }

    closeframe() {
        return "L.ci = prev; L.top = top0;";
    }

    /* the loop is left before the instruction at 'pc' */
    exit(pc) {
        if (this.code[pc].B === 0)
            return `return leaveopen(L, ci, ${this.regs()}, ${pc}, ${this.open}, M);`;
        return `return leave(L, ci, ${this.regs()}, ${pc});`;
    }

    tailcall(pc, i) {
        if (this.head !== null) {
            this.put(this.exit(pc));
            return;
        }
        let args = this.list(i.A + 1, i.B);
        this.put(`f = ${this.reg(i.A)};`);
        this.put(`if (f instanceof LClosure${this.p.trusted ? "" : " && !f.p.trusted"}) { M = [${args.join(", ")}]; ${this.closeframe()} ci = null; return tail(L, f, M); }`);
        this.call(pc, i);
        this.put(`${this.closeframe()} return v;`);
    }

    return(pc, i) {
        if (this.head !== null) {
            this.put(this.exit(pc));
            return;
        }
        if (i.B === 1) this.put(`L.nres = 0; ${this.closeframe()} return undefined;`);
        else if (i.B === 2) this.put(`L.nres = 1; ${this.closeframe()} return ${this.reg(i.A)};`);
        else this.put(`v = retv(L, [${this.list(i.A, i.B).join(", ")}]); ${this.closeframe()} return v;`);
    }

    set(r, text) {
        this.put(`${this.reg(r)} = ${text};`);
    }

    cache() {
        let name = `c${this.caches.length}`;
        this.caches.push(name);
        return name;
    }

    isname(x) {
        return typeof this.kvalue(x) === "string";
    }

    get(pc, dest, object, key) {
        this.put(`o = ${object};`);
        if (this.isname(key)) {
            let c = this.cache();
            let k = this.rk(key);
            this.put(`if (o instanceof Table && o.h[${c}] === ${k} && (v = o.h[${c} + 1]) !== undefined) ${dest} = v;`);
            this.put(`else { ${this.at(pc)}; ${dest} = getstr(L, o, ${k}); if (G.slot >= 0) ${c} = G.slot; }`);
        } else {
            this.put(`y = ${this.rk(key)};`);
            this.put(`if (typeof y === "number" && o instanceof Table && y > 0 && y <= o.arr.length && (v = o.arr[y - 1]) !== undefined) ${dest} = v;`);
            this.put(`else { ${this.at(pc)}; ${dest} = index(L, o, y); }`);
        }
    }

    put_(pc, object, key, value) {
        this.put(`o = ${object}; v = ${this.rk(value)};`);
        if (this.isname(key)) {
            let c = this.cache();
            let k = this.rk(key);
            this.put(`if (o instanceof Table && o.flags === 0 && o.h[${c}] === ${k} && v !== undefined && o.h[${c} + 1] !== undefined) o.h[${c} + 1] = v;`);
            this.put(`else { ${this.at(pc)}; setstr(L, o, ${k}, v); if (G.slot >= 0) ${c} = G.slot; }`);
        } else {
            this.put(`y = ${this.rk(key)};`);
            this.put(`if (typeof y === "number" && o instanceof Table && o.flags === 0 && y > 0 && y <= o.arr.length && v !== undefined && o.arr[y - 1] !== undefined) o.arr[y - 1] = v;`);
            this.put(`else { ${this.at(pc)}; setnum(L, o, y, v); }`);
        }
    }

    /* whether an operand is an integer of 32 bits, which needs no words for a constant that is one */
    int(x) {
        if (isint32(this.kvalue(x))) return [];
        let r = this.rk(x);
        return [`(${r} | 0) === ${r}`];
    }

    number(x) {
        if (typeof this.kvalue(x) === "number") return [];
        return [`typeof ${this.rk(x)} === "number"`];
    }

    /* neither operand is a constant that is no number */
    numeric(i) {
        return [i.B, i.C].every(x => !ISK(x) || typeof this.kvalue(x) === "number");
    }

    arith(pc, i) {
        let a = this.rk(i.B), b = this.rk(i.C);
        let numbers = [...this.number(i.B), ...this.number(i.C)];
        let ints = [...this.int(i.B), ...this.int(i.C)];
        let both = [...numbers, ...ints].join(" && ") || "true";
        let slow = { 13: `add(L, ${a}, ${b})`, 14: `sub(L, ${a}, ${b})`, 15: `mul(L, ${a}, ${b})` }[i.opcode] ??
            `arith(L, ${i.opcode}, ${a}, ${b})`;
        slow = `(${this.at(pc)}, ${slow})`;
        let divisor = this.kvalue(i.C);
        if (!this.numeric(i)) {
            this.set(i.A, slow);
            return;
        }
        switch (i.opcode) {
            case 13: case 14: case 15: { /* ADD, SUB, MUL: a float that is whole is an LFloat */
                let op = i.opcode === 13 ? `${a} + ${b}` : i.opcode === 14 ? `${a} - ${b}` : `${a} * ${b} + 0`;
                let all = numbers.join(" && ") || "true";
                this.set(i.A, `${both} ? ${op} : ${all} && (t = ${op}) !== Math.floor(t) ? t : ${slow}`);
                break;
            }
            case 16: /* MOD */
                if (isint32(divisor) && divisor > 0) this.set(i.A, `${both} && ${a} >= 0 ? ${a} % ${b} : ${slow}`);
                else this.set(i.A, `${both} && ${a} >= 0 && ${b} > 0 ? ${a} % ${b} : ${slow}`);
                break;
            case 18: /* DIV */
                this.set(i.A, `${numbers.join(" && ") || "true"} && (t = ${a} / ${b}) !== Math.floor(t) ? t : ${slow}`);
                break;
            case 19: /* IDIV */
                if (isint32(divisor) && divisor > 0) this.set(i.A, `${both} && ${a} >= 0 ? (${a} / ${b}) | 0 : ${slow}`);
                else this.set(i.A, slow);
                break;
            case 20: case 21: case 22: { /* BAND, BOR, BXOR */
                let op = ["&", "|", "^"][i.opcode - 20];
                this.set(i.A, `${both} ? ${a} ${op} ${b} : ${slow}`);
                break;
            }
            case 24: /* SHR */
                this.set(i.A, `${both} && ${a} >= 0 && ${b} >= 0 && ${b} < 32 ? ${a} >>> ${b} : ${slow}`);
                break;
            default:
                this.set(i.A, slow);
        }
    }

    compare(pc, i) {
        let a = this.rk(i.B), b = this.rk(i.C);
        if (i.opcode === 31) {
            let ks = [i.B, i.C].filter(x => ISK(x)).map(x => this.kvalue(x));
            if (ks.some(k => typeof k !== "number" && typeof k !== "object")) return `${a} === ${b}`;
            let objects = [i.B, i.C].filter(x => !ISK(x) || typeof this.kvalue(x) === "object").map(x => `typeof ${this.rk(x)} === "object"`);
            return `(${a} === ${b} || ((${objects.join(" || ") || "false"}) && (${this.at(pc)}, eq(L, ${a}, ${b}))))`;
        }
        let op = i.opcode === 32 ? "<" : "<=";
        let name = i.opcode === 32 ? "lt" : "le";
        let slow = `(${this.at(pc)}, ${name}(L, ${a}, ${b}))`;
        if (!this.numeric(i)) return slow;
        let numbers = [...this.number(i.B), ...this.number(i.C)].join(" && ") || "true";
        return `(${numbers} ? ${a} ${op} ${b} : ${slow})`;
    }

    closure(pc, i) {
        let inner = this.p.p[i.Bx];
        this.put(ALLOCATION);
        this.put(`v = new LClosure(P[${i.Bx}], ${inner.upvalues.length});`);
        inner.upvalues.forEach((uv, j) => {
            if (!uv.instack) this.upvals.add(uv.idx);
            this.put(`v.upvals[${j}] = ${uv.instack ? `u${uv.idx}` : `x${uv.idx}`};`);
        });
        this.set(i.A, `cached(P[${i.Bx}], v)`);
    }

    /* writes the instruction at 'pc'; the result is how many it was */
    instruction(pc) {
        let i = this.code[pc];
        switch (i.opcode) {
            case 0: this.set(i.A, this.reg(i.B)); break;
            case 1: this.set(i.A, this.constkey(i.Bx)); break;
            case 2: this.set(i.A, this.constkey(this.code[pc + 1].Ax)); return 2;
            case 3:
                this.set(i.A, i.B !== 0);
                if (i.C !== 0) this.put(this.goto(pc, pc + 2));
                break;
            case 4:
                for (let j = 0; j <= i.B; j++) this.set(i.A + j, "undefined");
                break;
            case 5: this.set(i.A, this.upval(i.B)); break;
            case 6: this.get(pc, this.reg(i.A), this.upval(i.B), i.C); break;
            case 7: this.get(pc, this.reg(i.A), this.reg(i.B), i.C); break;
            case 8: this.put_(pc, this.upval(i.A), i.B, i.C); break;
            case 9: this.put(`${this.upval(i.B)} = ${this.reg(i.A)};`); break;
            case 10: this.put_(pc, this.reg(i.A), i.B, i.C); break;
            case 11:
                this.put(ALLOCATION);
                this.set(i.A, "new Table()");
                break;
            case 12: /* SELF: the key may be in the register that the object goes to */
                this.put(`z = ${this.reg(i.B)};`);
                if (!ISK(i.C) && (i.C === i.A + 1 || i.C === i.A)) return -1;
                this.set(i.A + 1, "z");
                this.get(pc, this.reg(i.A), "z", i.C);
                break;
            case 25: {
                let a = this.reg(i.B);
                this.set(i.A, `typeof ${a} === "number" && (${a} | 0) === ${a} ? 0 - ${a} : (${this.at(pc)}, unm(L, ${a}))`);
                break;
            }
            case 26: this.set(i.A, `(${this.at(pc)}, bnot(L, ${this.reg(i.B)}))`); break;
            case 27: this.set(i.A, `${this.reg(i.B)} === undefined || ${this.reg(i.B)} === false`); break;
            case 28: {
                let a = this.reg(i.B);
                this.set(i.A, `typeof ${a} === "string" ? ${a}.length : ${a} instanceof Table && ${a}.metatable === null ? ${a}.arr.length : (${this.at(pc)}, len(L, ${a}))`);
                break;
            }
            case 29: {
                let items = [];
                for (let r = i.B; r <= i.C; r++) items.push(this.reg(r));
                this.put(`${this.at(pc)};`);
                this.set(i.A, items.length === 2 ? `concat2(L, ${i.B}, ${items.join(", ")})` : `concatn(L, ${i.B}, [${items.join(", ")}])`);
                break;
            }
            case 30:
                if (!this.skipped.has(pc)) this.put(this.jump(pc, i));
                break;
            case 31: case 32: case 33:
                this.put(`if (${i.A === 0 ? "!" : ""}(${this.compare(pc, i)})) { ${this.jump(pc + 1, this.code[pc + 1])} }`);
                return 2;
            case 34: case 35: {
                let v = this.reg(i.opcode === 34 ? i.A : i.B);
                let condition = i.C ? `${v} !== undefined && ${v} !== false` : `${v} === undefined || ${v} === false`;
                let assign = i.opcode === 35 ? `${this.reg(i.A)} = ${v}; ` : "";
                this.put(`if (${condition}) { ${assign}${this.jump(pc + 1, this.code[pc + 1])} }`);
                return 2;
            }
            case 36:
                this.call(pc, i);
                if (i.C === 0) {
                    this.put("M = results(L, v);");
                    this.open = i.A;
                } else
                    this.take(i.A, i.C - 1);
                break;
            case 37: this.tailcall(pc, i); break;
            case 38: this.return(pc, i); break;
            case 39: case 41: case 42: break; /* at the head of their loops */
            case 40: this.forprep(pc, i); break;
            case 43: {
                let c = i.C === 0 ? this.code[pc + 1].Ax : i.C;
                this.put(`setlist(${this.reg(i.A)}, ${(c - 1) * LFIELDS_PER_FLUSH}, [${this.list(i.A + 1, i.B === 0 ? 0 : i.B + 1).join(", ")}]);`);
                return i.C === 0 ? 2 : 1;
            }
            case 44: this.closure(pc, i); break;
            case 45:
                if (this.head !== null) this.put("va = varargs(L, ci);");
                if (i.B === 0) {
                    this.put("M = va;");
                    this.open = i.A;
                } else
                    for (let j = 0; j < i.B - 1; j++) this.set(i.A + j, `va[${j}]`);
                break;
            default: this.arith(pc, i);
        }
        return 1;
    }

    body() {
        this.consts = new Set();
        if (this.hi - this.lo > CODE_MAX || !this.plan()) return null;
        for (let pc = this.lo; pc < this.hi;) {
            this.labels(pc);
            let n = this.instruction(pc);
            if (n < 1) return null;
            for (let j = 1; j < n; j++) if (this.targets.has(pc + j)) return null;
            pc += n;
        }
        this.labels(this.hi);
        return this.scopes.length === 0 && !this.nowhere ? this.out.join("\n") : null;
    }

    /* variables of the function, and what lives as long as the text */
    frame(prologue, body, ending, parameters) {
        let p = this.p;
        let lines = ['"use strict";'];
        for (let k of this.consts) lines.push(`const k${k} = K[${k}];`);
        for (let c of this.caches) lines.push(`let ${c} = 0;`);
        lines.push(`return function(${parameters}) {`, prologue);
        for (let x of this.upvals) lines.push(`const x${x} = cl.upvals[${x}];`);
        for (let f of this.flags) lines.push(typeof f === "number" ? `let f${f} = true;` : `let ${f} = -1;`);
        lines.push("let f, v, t, o, y, z, M;", ending.start, "try {", body, ending.normal, "} catch (e) {");
        let va = p.is_vararg && this.head === null ? "va" : "null";
        lines.push(`if (e !== undefined && e.status === 1 && ci !== null) save(L, ci, ${this.regs()}, ${va});`, "throw e;", "}", "};");
        return lines.join("\n");
    }
}

/* a function as JavaScript, null when it stays with the interpreter */
const functioncode = function(p) {
    let w = new Writer(p, 0, p.code.length, null);
    let body = w.body();
    if (body === null) return null;
    let n = p.numparams;
    let names = [];
    for (let r = 0; r < n; r++) names.push(w.captured.has(r) ? `a${r}` : `r${r}`);
    let locals = [];
    for (let r = 0; r < p.maxstacksize; r++) {
        if (w.captured.has(r)) locals.push(`u${r} = new UpVal([${r < n ? `a${r}` : "undefined"}], 0)`);
        else if (r >= n) locals.push(`r${r}`);
    }
    let va = p.is_vararg;
    let parameters = ["L", "cl", ...names, ...(va ? ["...va"] : [])].join(", ");
    let depth = depthof(p);
    let deep = depth < DEPTH_JS ? `prev.depth >= ${depth} || ` : "";
    let prologue = [
        `const prev = L.ci, top0 = L.top, base = top0${va ? " + va.length" : ""};`,
        "let ci = prev.next;",
        `if (${deep}(ci === null && (ci = newci(L, prev)) === null)) return interp(L, cl, [${[...names, ...(va ? ["...va"] : [])].join(", ")}], 0);`,
        `if (base + ${p.maxstacksize} >= L.stack_last) grow(L, ${p.maxstacksize + 1}${va ? " + va.length" : ""});`,
        "ci.func = cl; const cs = L.cs; ci.callstatus = cs;",
        `if (cs !== ${CIST_JS}) L.cs = ${CIST_JS};`,
        `ci.l_base = base; L.top = ci.top = base + ${p.maxstacksize}; ci.l_savedpc = 1;`,
        va ? "ci.nvarargs = 0;" : "",
        "L.ci = ci;",
        locals.length > 0 ? `let ${locals.join(", ")};` : ""
    ].join("\n");
    return w.frame(prologue, body, { start: "", normal: "" }, parameters).replace("try {", "try { if (--B.steps <= 0) B.check(L);");
};

/* the loop whose head is at 'pc' as JavaScript, null when it stays with the interpreter */
const loopcode = function(p, pc) {
    let found = loopsof(p.code);
    let l = found === null ? undefined : found.loops.get(pc);
    if (l === undefined) return null;
    let w = new Writer(p, l.s, l.e, l);
    let body = w.body();
    if (body === null) return null;
    let locals = [];
    for (let r = 0; r < p.maxstacksize; r++) {
        if (w.captured.has(r)) locals.push(`u${r} = unopen(L, base + ${r})`);
        else locals.push(`r${r} = stack[base + ${r}]`);
    }
    let prologue = [
        "const stack = L.stack, base = ci.l_base;",
        `let va, ${locals.join(", ")};`
    ].join("\n");
    let start = l.kind === "for" ? `f${l.id} = isinteger(${w.reg(p.code[l.id].A)});` : "";
    return w.frame(prologue, body, { start, normal: `return leave(L, ci, ${w.regs()}, ${l.e});` }, "L, cl, ci");
};

module.exports.ARGUMENTS_MAX = ARGUMENTS_MAX;
module.exports.depthof      = depthof;
module.exports.functioncode = functioncode;
module.exports.loopcode     = loopcode;
