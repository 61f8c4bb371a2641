"use strict";

/*
** Rivet: what the host uses of fengari.
*/

module.exports = {
    defs: require('./defs.js'),
    lua: require('./lua.js'),
    lauxlib: require('./lauxlib.js'),
    lobject: require('./lobject.js'),
    lstate: require('./lstate.js'),
    ltable: require('./ltable.js'),
    lvalue: require('./lvalue.js'),
    budget: require('./lbudget.js').budget,
    STEPS: require('./lbudget.js').STEPS,
    marks: require('./lmarks.js'),
    packing: require('./lpack.js'),
    math_seed: require('./lmathlib.js').math_seed,
    libraries: {
        base: require('./lbaselib.js').luaopen_base,
        coroutine: require('./lcorolib.js').luaopen_coroutine,
        math: require('./lmathlib.js').luaopen_math,
        string: require('./lstrlib.js').luaopen_string,
        table: require('./ltablib.js').luaopen_table,
        utf8: require('./lutf8lib.js').luaopen_utf8
    },
    foreseeing: require('./lforesee.js'),
    coroutines: require('./lcorolib.js').host
};
