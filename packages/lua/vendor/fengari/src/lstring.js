"use strict";

const {
    is_luastring,
    to_luastring
} = require('./defs.js');
const { lua_assert } = require("./llimits.js");
const { claim } = require('./lbudget.js');

class TString {

    constructor(L, str) {
        this.hash = null;
        this.realstring = str;
        this.token = 0;  /* what it is as a word of a source; 0: nobody has asked yet */
    }

    getstr() {
        return this.realstring;
    }

    tsslen() {
        return this.realstring.length;
    }

}

const luaS_eqlngstr = function(a, b) {
    lua_assert(a instanceof TString);
    lua_assert(b instanceof TString);
    return a === b || Buffer.compare(a.realstring, b.realstring) === 0;
};

/* converts strings (arrays) to a consistent map key, one character a byte
   make sure this doesn't conflict with any of the anti-collision strategies in ltable */
const luaS_hash = function(str) {
    lua_assert(is_luastring(str));
    return luaS_hashpart(str, 0, str.length);
};

const luaS_hashpart = function(bytes, from, to) {
    return "|" + Buffer.prototype.latin1Slice.call(bytes, from, to);
};

const luaS_hashlongstr = function(ts) {
    lua_assert(ts instanceof TString);
    if(ts.hash === null) {
        ts.hash = luaS_hash(ts.getstr());
    }
    return ts.hash;
};

/* variant that takes ownership of array */
const luaS_bless = function(L, str) {
    lua_assert(str instanceof Uint8Array);
    claim(L, str.length);
    return new TString(L, str);
};

/* makes a copy */
const luaS_new = function(L, str) {
    return luaS_bless(L, new Uint8Array(str));
};

/* takes a js string */
const luaS_newliteral = function(L, str) {
    return luaS_bless(L, to_luastring(str));
};

module.exports.luaS_eqlngstr    = luaS_eqlngstr;
module.exports.luaS_hash        = luaS_hash;
module.exports.luaS_hashlongstr = luaS_hashlongstr;
module.exports.luaS_hashpart    = luaS_hashpart;
module.exports.luaS_bless       = luaS_bless;
module.exports.luaS_new         = luaS_new;
module.exports.luaS_newliteral  = luaS_newliteral;
module.exports.TString          = TString;
