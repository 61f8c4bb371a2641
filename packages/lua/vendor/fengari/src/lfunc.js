"use strict";

const { UpVal, intern } = require('./lvalue.js');

class Proto {
    constructor() {
        this.js = null;           // the function in JavaScript
        this.nojs = false;        // it stays with the interpreter
        this.hits = 0;            // calls and turns of loops since the answer 'hitsafter'
        this.hitsafter = 0;       // 'budget.answers' when hits were counted last
        this.loops = null;        // its loops in JavaScript
        this.k = [];              // constants used by the function, while it is parsed
        this.kr = null;           // the same as the VM holds them, from then on
        this.p = [];              // functions defined inside the function
        this.code = [];           // opcodes
        this.cache = null;        // last-created closure with this prototype
        this.lineinfo = [];       // map from opcodes to source lines (debug information)
        this.upvalues = [];       // upvalue information
        this.numparams = 0;       // number of fixed parameters
        this.is_vararg = false;
        this.maxstacksize = 0;    // number of registers needed by this function
        this.locvars = [];        // information about local variables (debug information)
        this.linedefined = 0;     // debug information
        this.lastlinedefined = 0; // debug information
        this.source = null;       // used for debug information
        this.trusted = false;     // the host's own code: left out of positions and tracebacks
        this.columns = [];        // map from opcodes to source columns
        this.fieldmarks = null;   // where the fields of table constructors stand, by opcode
    }
}

/* the function is parsed: its constants as the VM holds them */
const luaF_closeproto = function(f) {
    f.kr = f.k.map(v => {
        let value = v.raw();
        return typeof value === "string" ? intern(value) : value;
    });
    f.k = null;
};

/* the variable in a slot of the stack */
const luaF_findupval = function(L, level) {
    let open = L.openupval;
    let i = open.length;
    while (i > 0 && open[i - 1].i > level) i--;
    if (i > 0 && open[i - 1].i === level) return open[i - 1];
    let uv = new UpVal(L.stack, level);
    open.splice(i, 0, uv);
    return uv;
};

/* variables from 'level' on leave the stack */
const luaF_close = function(L, level) {
    let open = L.openupval;
    while (open.length > 0 && open[open.length - 1].i >= level) {
        let uv = open.pop();
        uv.s = [uv.s[uv.i]];
        uv.i = 0;
    }
};

/*
** fill a closure with new upvalues
*/
const luaF_initupvals = function(L, cl) {
    for (let i = 0; i < cl.nupvalues; i++)
        cl.upvals[i] = new UpVal([undefined], 0);
};

/*
** Look for n-th local variable at line 'line' in function 'func'.
** Returns null if not found.
*/
const luaF_getlocalname = function(f, local_number, pc) {
    for (let i = 0; i < f.locvars.length && f.locvars[i].startpc <= pc; i++) {
        if (pc < f.locvars[i].endpc) {  /* is variable active? */
            local_number--;
            if (local_number === 0)
                return f.locvars[i].varname.getstr();
        }
    }
    return null;  /* not found */
};

module.exports.MAXUPVAL          = 255;
module.exports.Proto             = Proto;
module.exports.luaF_findupval    = luaF_findupval;
module.exports.luaF_close        = luaF_close;
module.exports.luaF_getlocalname = luaF_getlocalname;
module.exports.luaF_initupvals   = luaF_initupvals;
module.exports.luaF_closeproto   = luaF_closeproto;
