"use strict";

const fast = require('./lfast.js');
const { setfast } = fast;
const pure = require('./lpure.js');
const { formatNumber } = require('./lformat.js');
const { tobin, tobytes } = require('./lvalue.js');

const {
    LUA_TBOOLEAN,
    LUA_TFUNCTION,
    LUA_TNIL,
    LUA_TNUMBER,
    LUA_TSTRING,
    LUA_TTABLE,
    lua_call,
    lua_createtable,
    lua_gettable,
    lua_gettop,
    lua_isinteger,
    lua_isstring,
    lua_pop,
    lua_pushbin,
    lua_pushcclosure,
    lua_pushinteger,
    lua_pushlightuserdata,
    lua_pushliteral,
    lua_pushnil,
    lua_pushnumber,
    lua_pushstring,
    lua_pushvalue,
    lua_setfield,
    lua_setmetatable,
    lua_settop,
    lua_tobin,
    lua_toboolean,
    lua_tonumber,
    lua_touserdata,
    lua_type,
    lua_upvalueindex
} = require('./lua.js');
const {
    luaL_Buffer,
    luaL_addchar,
    luaL_addlstring,
    luaL_addsize,
    luaL_argcheck,
    luaL_argerror,
    luaL_buffinit,
    luaL_checkbin,
    luaL_checkinteger,
    luaL_checknumber,
    luaL_checkstack,
    luaL_checkstring,
    luaL_error,
    luaL_newlib,
    luaL_optbin,
    luaL_optinteger,
    luaL_prepbuffsize,
    luaL_pushresult,
    luaL_tobin,
    luaL_typename
} = require('./lauxlib.js');
const { lua_assert } = require('./llimits.js');
const { spend, claim } = require('./lbudget.js');
const {
    luastring_indexOf,
    to_jsstring,
    to_luastring
} = require("./fengaricore.js");

const sL_ESC  = '%';
const L_ESC   = sL_ESC.charCodeAt(0);

/*
** maximum number of captures that a pattern can do during
** pattern-matching. This limit is arbitrary, but must fit in
** an unsigned char.
*/
const LUA_MAXCAPTURES = 32;

// (sizeof(size_t) < sizeof(int) ? MAX_SIZET : (size_t)(INT_MAX))
const MAXSIZE = 2147483647;

/* Give natural (i.e. strings end at the first \0) length of a string represented by an array of bytes */
const strlen = function(s) {
    let len = luastring_indexOf(s, 0);
    return len > -1 ? len : s.length;
};

/* translate a relative string position: negative means back from end */
const posrelat = function(pos, len) {
    if (pos >= 0) return pos;
    else if (0 - pos > len) return 0;
    else return len + pos + 1;
};

/* slices of long strings are copied: they would keep the whole alive */
const LONG = 1 << 18;

const slice = function(s, start, end) {
    let part = s.slice(start, end);
    if (s.length < LONG || part.length > s.length >> 3 || part.length < 13) return part;
    return Buffer.from(part, "latin1").latin1Slice(0, part.length);
};

const str_sub = function(L) {
    let s = luaL_checkbin(L, 1);
    let l = s.length;
    let start = posrelat(luaL_checkinteger(L, 2), l);
    let end = posrelat(luaL_optinteger(L, 3, -1), l);
    if (start < 1) start = 1;
    if (end > l) end = l;
    lua_pushbin(L, start <= end ? slice(s, start - 1, end) : "");
    return 1;
};

const str_len = function(L) {
    lua_pushinteger(L, luaL_checkbin(L, 1).length);
    return 1;
};

const str_char = function(L) {
    let n = lua_gettop(L);  /* number of arguments */
    let s = "";
    for (let i = 1; i <= n; i++) {
        let c = luaL_checkinteger(L, i);
        luaL_argcheck(L, c >= 0 && c <= 255, i, "value out of range"); // Strings are 8-bit clean
        s += String.fromCharCode(c);
    }
    lua_pushbin(L, s);
    return 1;
};

/* valid flags in a format specification */
const FLAGS = to_luastring("-+ #0");

/*
** maximum size of each format specification (such as "%-099.99d")
*/
// const MAX_FORMAT = 32;

const isalpha = e => (97 <= e && e <= 122) || (65 <= e && e <= 90);
const isdigit = e => 48 <= e && e <= 57;
const iscntrl = e => (0x00 <= e && e <= 0x1f) || e === 0x7f;
const isgraph = e => 33 <= e && e <= 126;
const islower = e => 97 <= e && e <= 122;
const isupper = e => 65 <= e && e <= 90;
const isalnum = e => (97 <= e && e <= 122) || (65 <= e && e <= 90) || (48 <= e && e <= 57);
const ispunct = e => isgraph(e) && !isalnum(e);
const isspace = e => e === 32 || (e >= 9 && e <= 13);
const isxdigit = e => (48 <= e && e <= 57) || (65 <= e && e <= 70) || (97 <= e && e <= 102);

const quoted = function(s) {
    let out = '"';
    for (let i = 0; i < s.length; i++) {
        let c = s.charCodeAt(i);
        if (c === 34 /* '"' */ || c === 92 /* '\\' */ || c === 10 /* '\n' */) {
            out += "\\" + s[i];
        } else if (iscntrl(c)) {
            let buff = "" + c; /* stringify */
            if (isdigit(s.charCodeAt(i + 1)))
                buff = ("000" + buff).slice(-3); /* pad to 3 digits with leading '0's */
            out += "\\" + buff;
        } else
            out += s[i];
    }
    return out + '"';
};

const literal = function(L, arg) {
    switch(lua_type(L, arg)) {
        case LUA_TSTRING: {
            let s = lua_tobin(L, arg);
            claim(L, s.length * 2);
            spend(L, s.length / 4);
            return quoted(s);
        }
        case LUA_TNUMBER: {
            let n = lua_tonumber(L, arg);
            return formatNumber(lua_isinteger(L, arg) ? "d" : "a", "", 0, undefined, n);
        }
        case LUA_TNIL: case LUA_TBOOLEAN:
            return luaL_tobin(L, arg);
        default:
            luaL_argerror(L, arg, to_luastring("value has no literal form"));
    }
};

/*
** reads '%[flags][width][.precision]conversion' that starts at 'i'
*/
const scanformat = function(L, strfrmt, i) {
    let text = strfrmt.slice(i, i + 32);
    let m = /^([-+ #0]*)(\d*)(?:(\.)(\d*))?/.exec(text);
    if (m[1].length > FLAGS.length)
        luaL_error(L, to_luastring("invalid format (repeated flags)"));
    if (m[2].length > 2 || (m[4] !== undefined && m[4].length > 2))
        luaL_error(L, to_luastring("invalid format (width or precision too long)"));
    return {
        flags: m[1],
        width: Number(m[2]),
        precision: m[3] === undefined ? undefined : Number(m[4]),
        plain: m[0] === "",
        end: i + m[0].length
    };
};

/* a string with the width and precision of its format, counted in bytes */
const formatstring = function(s, form) {
    if (form.precision !== undefined) s = s.slice(0, form.precision);
    return form.flags.includes("-") ? s.padEnd(form.width) : s.padStart(form.width);
};

const str_format = function(L) {
    let top = lua_gettop(L);
    let arg = 1;
    let strfrmt = luaL_checkbin(L, arg);
    let out = "";
    let i = 0;
    for (;;) {
        let e = strfrmt.indexOf("%", i);
        if (e === -1) break;
        spend(L, 1 + (e - i) / 16);
        out += strfrmt.slice(i, e);
        i = e + 1;
        if (strfrmt.charCodeAt(i) === L_ESC) {
            out += strfrmt[i++]; /* %% */
            continue;
        }
        /* format item */
        if (++arg > top)
            luaL_argerror(L, arg, to_luastring("no value"));
        let form = scanformat(L, strfrmt, i);
        i = form.end;
        let conversion = i < strfrmt.length ? strfrmt[i] : "";
        i++;
        switch (conversion) {
            case 'c': {
                out += formatstring(String.fromCharCode(luaL_checkinteger(L, arg) & 255), form);
                break;
            }
            case 'd': case 'i':
            case 'o': case 'u': case 'x': case 'X': {
                let n = luaL_checkinteger(L, arg);
                out += form.plain && conversion === 'd' ? String(n)
                    : formatNumber(conversion, form.flags, form.width, form.precision, n);
                break;
            }
            case 'a': case 'A':
            case 'e': case 'E': case 'f': case 'F':
            case 'g': case 'G': {
                let n = luaL_checknumber(L, arg);
                out += formatNumber(conversion, form.flags, form.width, form.precision, n);
                break;
            }
            case 'q': {
                if (!form.plain)
                    return luaL_error(L, to_luastring("specifier '%%q' cannot have modifiers"));
                out += literal(L, arg);
                break;
            }
            case 's': {
                let s = luaL_tobin(L, arg);
                if (form.plain)
                    out += s;  /* keep entire string */
                else {
                    luaL_argcheck(L, s.indexOf("\0") === -1, arg, to_luastring("string contains zeros"));
                    out += formatstring(s, form);
                }
                break;
            }
            default: {  /* also treat cases 'pnLlh' */
                return luaL_error(L, to_luastring("invalid option '%%%s' to 'format'"), tobytes(conversion));
            }
        }
        claim(L, out.length);
    }
    lua_pushbin(L, out + strfrmt.slice(i));
    return 1;
};

/* value used for padding */
const LUAL_PACKPADBYTE = 0x00;

/* maximum size for the binary representation of an integer */
const MAXINTSIZE = 16;

const SZINT = 8; // Size of lua_Integer

/* number of bits in a character */
const NB = 8;


const MAXALIGN = 8;

/*
** information to pack/unpack stuff
*/
class Header {
    constructor(L) {
        this.L = L;
        this.islittle = true;
        this.maxalign = 1;
    }
}

/*
** options for pack/unpack
*/
const Kint       = 0; /* signed integers */
const Kuint      = 1; /* unsigned integers */
const Kfloat     = 2; /* floating-point numbers */
const Kchar      = 3; /* fixed-length strings */
const Kstring    = 4; /* strings with prefixed length */
const Kzstr      = 5; /* zero-terminated strings */
const Kpadding   = 6; /* padding */
const Kpaddalign = 7; /* padding for alignment */
const Knop       = 8; /* no-op (configuration or spaces) */

const digit = isdigit;

const getnum = function(fmt, df) {
    if (fmt.off >= fmt.s.length || !digit(fmt.s[fmt.off]))  /* no number? */
        return df;  /* return default value */
    else {
        let a = 0;
        do {
            a = a * 10 + (fmt.s[fmt.off++] - 48 /* '0'.charCodeAt(0) */);
        } while (fmt.off < fmt.s.length && digit(fmt.s[fmt.off]) && a <= (MAXSIZE - 9)/10);
        return a;
    }
};

/*
** Read an integer numeral and raises an error if it is larger
** than the maximum size for integers.
*/
const getnumlimit = function(h, fmt, df) {
    let sz = getnum(fmt, df);
    if (sz > MAXINTSIZE || sz <= 0)
        luaL_error(h.L, to_luastring("integral size (%d) out of limits [1,%d]"), sz, MAXINTSIZE);
    return sz;
};

/*
** Read and classify next option. 'size' is filled with option's size.
*/
const getoption = function(h, fmt) {
    let r = {
        opt: fmt.s[fmt.off++],
        size: 0  /* default */
    };
    switch (r.opt) {
        case 98  /*'b'*/: r.size = 1; r.opt = Kint;   return r; // sizeof(char): 1
        case 66  /*'B'*/: r.size = 1; r.opt = Kuint;  return r;
        case 104 /*'h'*/: r.size = 2; r.opt = Kint;   return r; // sizeof(short): 2
        case 72  /*'H'*/: r.size = 2; r.opt = Kuint;  return r;
        case 108 /*'l'*/: r.size = 8; r.opt = Kint;   return r; // sizeof(long): 8
        case 76  /*'L'*/: r.size = 8; r.opt = Kuint;  return r;
        case 106 /*'j'*/: r.size = 8; r.opt = Kint;   return r; // sizeof(lua_Integer): 8
        case 74  /*'J'*/: r.size = 8; r.opt = Kuint;  return r;
        case 84  /*'T'*/: r.size = 8; r.opt = Kuint;  return r; // sizeof(size_t): 8
        case 102 /*'f'*/: r.size = 4; r.opt = Kfloat; return r; // sizeof(float): 4
        case 100 /*'d'*/: r.size = 8; r.opt = Kfloat; return r; // sizeof(double): 8
        case 110 /*'n'*/: r.size = 8; r.opt = Kfloat; return r; // sizeof(lua_Number): 8
        case 105 /*'i'*/: r.size = getnumlimit(h, fmt, 4); r.opt = Kint;    return r; // sizeof(int): 4
        case 73  /*'I'*/: r.size = getnumlimit(h, fmt, 4); r.opt = Kuint;   return r;
        case 115 /*'s'*/: r.size = getnumlimit(h, fmt, 8); r.opt = Kstring; return r;
        case 99  /*'c'*/: {
            r.size = getnum(fmt, -1);
            if (r.size === -1)
                luaL_error(h.L, to_luastring("missing size for format option 'c'"));
            r.opt = Kchar;
            return r;
        }
        case 122 /*'z'*/:             r.opt = Kzstr;      return r;
        case 120 /*'x'*/: r.size = 1; r.opt = Kpadding;   return r;
        case 88  /*'X'*/:             r.opt = Kpaddalign; return r;
        case 32  /*' '*/: break;
        case 60  /*'<'*/: h.islittle = true; break;
        case 62  /*'>'*/: h.islittle = false; break;
        case 61  /*'='*/: h.islittle = true; break;
        case 33  /*'!'*/: h.maxalign = getnumlimit(h, fmt, MAXALIGN); break;
        default: luaL_error(h.L, to_luastring("invalid format option '%c'"), r.opt);
    }
    r.opt = Knop;
    return r;
};

/*
** Read, classify, and fill other details about the next option.
** 'psize' is filled with option's size, 'notoalign' with its
** alignment requirements.
** Local variable 'size' gets the size to be aligned. (Kpadal option
** always gets its full alignment, other options are limited by
** the maximum alignment ('maxalign'). Kchar option needs no alignment
** despite its size.
*/
const getdetails = function(h, totalsize, fmt) {
    let r = {
        opt: NaN,
        size: NaN,
        ntoalign: NaN
    };

    let opt = getoption(h, fmt);
    r.size = opt.size;
    r.opt = opt.opt;
    let align = r.size;  /* usually, alignment follows size */
    if (r.opt === Kpaddalign) {  /* 'X' gets alignment from following option */
        if (fmt.off >= fmt.s.length || fmt.s[fmt.off] === 0)
            luaL_argerror(h.L, 1, to_luastring("invalid next option for option 'X'"));
        else {
            let o = getoption(h, fmt);
            align = o.size;
            o = o.opt;
            if (o === Kchar || align === 0)
                luaL_argerror(h.L, 1, to_luastring("invalid next option for option 'X'"));
        }
    }
    if (align <= 1 || r.opt === Kchar)  /* need no alignment? */
        r.ntoalign = 0;
    else {
        if (align > h.maxalign)  /* enforce maximum alignment */
            align = h.maxalign;
        if ((align & (align -1)) !== 0)  /* is 'align' not a power of 2? */
            luaL_argerror(h.L, 1, to_luastring("format asks for alignment not power of 2"));
        r.ntoalign = (align - (totalsize & (align - 1))) & (align - 1);
    }
    return r;
};

/*
** Pack integer 'n' with 'size' bytes and 'islittle' endianness.
** The final 'if' handles the case when 'size' is larger than
** the size of a Lua integer, correcting the extra sign-extension
** bytes if necessary (by default they would be zeros).
*/
const packint = function(b, n, islittle, size) {
    let buff = luaL_prepbuffsize(b, size);
    let rest = BigInt.asUintN(size * NB, BigInt(n));
    for (let i = 0; i < size; i++) {
        buff[islittle ? i : size - 1 - i] = Number(rest & 255n);
        rest >>= 8n;
    }
    luaL_addsize(b, size);  /* add result to buffer */
};

const str_pack = function(L) {
    let b = new luaL_Buffer();
    let h = new Header(L);
    let fmt = {
        s: luaL_checkstring(L, 1),  /* format string */
        off: 0
    };
    let arg = 1;  /* current argument to pack */
    let totalsize = 0;  /* accumulate total size of result */
    lua_pushnil(L);  /* mark to separate arguments from string buffer */
    luaL_buffinit(L, b);
    while (fmt.off < fmt.s.length) {
        let details = getdetails(h, totalsize, fmt);
        let opt = details.opt;
        let size = details.size;
        let ntoalign = details.ntoalign;
        totalsize += ntoalign + size;
        if (totalsize > MAXSIZE)
            luaL_argerror(L, 1, to_luastring("format result too large"));
        spend(L, 1 + size / 16);
        claim(L, size);
        while (ntoalign-- > 0)
            luaL_addchar(b, LUAL_PACKPADBYTE);  /* fill alignment */
        arg++;
        switch (opt) {
            case Kint: {  /* signed integers */
                let n = luaL_checkinteger(L, arg);
                if (size < SZINT) {  /* need overflow check? */
                    let lim = 2 ** (size * NB - 1);
                    luaL_argcheck(L, -lim <= n && n < lim, arg, to_luastring("integer overflow"));
                }
                packint(b, n, h.islittle, size);
                break;
            }
            case Kuint: {  /* unsigned integers */
                let n = luaL_checkinteger(L, arg);
                if (size < SZINT)
                    luaL_argcheck(L, 0 <= n && n < 2 ** (size * NB), arg, to_luastring("unsigned overflow"));
                packint(b, n, h.islittle, size);
                break;
            }
            case Kfloat: {  /* floating-point options */
                let buff = luaL_prepbuffsize(b, size);
                let n = luaL_checknumber(L, arg);  /* get argument */
                let dv = new DataView(buff.buffer, buff.byteOffset, buff.byteLength);
                if (size === 4) dv.setFloat32(0, n, h.islittle);
                else dv.setFloat64(0, n, h.islittle);
                luaL_addsize(b, size);
                break;
            }
            case Kchar: {  /* fixed-size string */
                let s = luaL_checkstring(L, arg);
                let len = s.length;
                luaL_argcheck(L, len <= size, arg, "string longer than given size");
                luaL_addlstring(b, s, len);  /* add string */
                while (len++ < size)  /* pad extra space */
                    luaL_addchar(b, LUAL_PACKPADBYTE);
                break;
            }
            case Kstring: {  /* strings with length count */
                let s = luaL_checkstring(L, arg);
                let len = s.length;
                luaL_argcheck(L,
                    size >= 8 /* sizeof(size_t) */ || len < 2 ** (size * NB),
                    arg, "string length does not fit in given size");
                packint(b, len, h.islittle, size);  /* pack length */
                luaL_addlstring(b, s, len);
                totalsize += len;
                break;
            }
            case Kzstr: {  /* zero-terminated string */
                let s = luaL_checkstring(L, arg);
                let len = s.length;
                luaL_argcheck(L, luastring_indexOf(s, 0) < 0, arg, "string contains zeros");
                luaL_addlstring(b, s, len);
                luaL_addchar(b, 0);  /* add zero at the end */
                totalsize += len + 1;
                break;
            }
            case Kpadding: luaL_addchar(b, LUAL_PACKPADBYTE); /* fall through */
            case Kpaddalign: case Knop:
                arg--;  /* undo increment */
                break;
        }
    }
    luaL_pushresult(b);
    return 1;
};

const str_reverse = function(L) {
    let s = luaL_checkstring(L, 1);
    let l = s.length;
    claim(L, l);
    spend(L, l / 16);
    lua_pushbin(L, tobin(s.reverse()));
    return 1;
};

/* letters of ASCII alone have two cases */
const str_lower = function(L) {
    let s = luaL_checkbin(L, 1);
    claim(L, s.length);
    spend(L, s.length / 16);
    lua_pushbin(L, /[\x80-\xff]/.test(s) ? s.replace(/[A-Z]+/g, part => part.toLowerCase()) : s.toLowerCase());
    return 1;
};

const str_upper = function(L) {
    let s = luaL_checkbin(L, 1);
    claim(L, s.length);
    spend(L, s.length / 16);
    lua_pushbin(L, /[\x80-\xff]/.test(s) ? s.replace(/[a-z]+/g, part => part.toUpperCase()) : s.toUpperCase());
    return 1;
};

const str_rep = function(L) {
    let s = luaL_checkbin(L, 1);
    let l = s.length;
    let n = luaL_checkinteger(L, 2);
    let sep = luaL_optbin(L, 3, "");
    let lsep = sep.length;
    if (n <= 0) lua_pushbin(L, "");
    else if (l + lsep > MAXSIZE / n)  /* may overflow? */
        return luaL_error(L, to_luastring("resulting string too large"));
    else {
        let totallen = n * l + (n - 1) * lsep;
        claim(L, totallen);
        spend(L, Math.min(n, 64) + totallen / 64);
        lua_pushbin(L, lsep === 0 ? s.repeat(n) : (s + sep).repeat(n - 1) + s);
    }
    return 1;
};

const str_byte = function(L) {
    let s = luaL_checkbin(L, 1);
    let l = s.length;
    let posi = posrelat(luaL_optinteger(L, 2, 1), l);
    let pose = posrelat(luaL_optinteger(L, 3, posi), l);

    if (posi < 1) posi = 1;
    if (pose > l) pose = l;
    if (posi > pose) return 0;  /* empty interval; return no values */
    if (pose - posi >= Number.MAX_SAFE_INTEGER)  /* arithmetic overflow? */
        return luaL_error(L, "string slice too long");

    let n = (pose - posi) + 1;
    luaL_checkstack(L, n, "string slice too long");
    spend(L, n >> 2);
    for (let i = 0; i < n; i++)
        lua_pushinteger(L, s.charCodeAt(posi + i - 1));
    return n;
};

const str_packsize = function(L) {
    let h = new Header(L);
    let fmt = {
        s: luaL_checkstring(L, 1),
        off: 0
    };
    let totalsize = 0;  /* accumulate total size of result */
    while (fmt.off < fmt.s.length) {
        spend(L, 1);
        let details = getdetails(h, totalsize, fmt);
        let opt = details.opt;
        let size = details.size;
        let ntoalign = details.ntoalign;
        size += ntoalign;  /* total space used by option */
        luaL_argcheck(L, totalsize <= MAXSIZE - size, 1, "format result too large");
        totalsize += size;
        switch (opt) {
            case Kstring:  /* strings with length count */
            case Kzstr:    /* zero-terminated string */
                luaL_argerror(L, 1, "variable-length format");
                /* call never return, but to avoid warnings: *//* fall through */
            default:  break;
        }
    }
    lua_pushinteger(L, totalsize);
    return 1;
};

/*
** Unpack an integer with 'size' bytes and 'islittle' endianness.
** If size is smaller than the size of a Lua integer and integer
** is signed, must do sign extension (propagating the sign to the
** higher bits); if size is larger than the size of a Lua integer,
** it must check the unread bytes to see whether they do not cause an
** overflow.
*/
const unpackint = function(L, str, islittle, size, issigned) {
    let res = 0n;
    for (let i = size - 1; i >= 0; i--)
        res = (res << 8n) | BigInt(str[islittle ? i : size - 1 - i]);
    if (issigned) res = BigInt.asIntN(size * NB, res);
    let n = Number(res);
    if (!Number.isSafeInteger(n))
        luaL_error(L, to_luastring("%d-byte integer does not fit into Lua Integer (53 bits)"), size);
    return n;
};

const unpacknum = function(L, b, islittle, size) {
    lua_assert(b.length >= size);

    let dv = new DataView(new ArrayBuffer(size));
    for (let i = 0; i < size; i++)
        dv.setUint8(i, b[i]);

    if (size == 4) return dv.getFloat32(0, islittle);
    else return dv.getFloat64(0, islittle);
};

const str_unpack = function(L) {
    let h = new Header(L);
    let fmt = {
        s: luaL_checkstring(L, 1),
        off: 0
    };
    let data = luaL_checkstring(L, 2);
    let ld = data.length;
    let pos = posrelat(luaL_optinteger(L, 3, 1), ld) - 1;
    let n = 0;  /* number of results */
    luaL_argcheck(L, pos <= ld && pos >= 0, 3, "initial position out of string");
    while (fmt.off < fmt.s.length) {
        let details = getdetails(h, pos, fmt);
        let opt = details.opt;
        let size = details.size;
        let ntoalign = details.ntoalign;
        if (/*ntoalign + size > ~pos ||*/ pos + ntoalign + size > ld)
            luaL_argerror(L, 2, to_luastring("data string too short"));
        pos += ntoalign;  /* skip alignment */
        /* stack space for item + next position */
        luaL_checkstack(L, 2, "too many results");
        n++;
        switch (opt) {
            case Kint:
            case Kuint: {
                let res = unpackint(L, data.subarray(pos), h.islittle, size, opt === Kint);
                lua_pushinteger(L, res);
                break;
            }
            case Kfloat: {
                let res = unpacknum(L, data.subarray(pos), h.islittle, size);
                lua_pushnumber(L, res);
                break;
            }
            case Kchar: {
                lua_pushstring(L, data.subarray(pos, pos + size));
                break;
            }
            case Kstring: {
                let len = unpackint(L, data.subarray(pos), h.islittle, size, false);
                luaL_argcheck(L, pos + len + size <= ld, 2, "data string too short");
                lua_pushstring(L, data.subarray(pos + size, pos + size + len));
                pos += len;  /* skip string */
                break;
            }
            case Kzstr: {
                let e = luastring_indexOf(data, 0, pos);
                luaL_argcheck(L, e !== -1, 2, to_luastring("unfinished string for format 'z'"));
                lua_pushstring(L, data.subarray(pos, e));
                pos = e + 1;  /* skip string plus final '\0' */
                break;
            }
            case Kpaddalign: case Kpadding: case Knop:
                n--;  /* undo increment */
                break;
        }
        pos += size;
    }
    lua_pushinteger(L, pos + 1);  /* next position */
    return n + 1;
};

const CAP_UNFINISHED = -1;
const CAP_POSITION   = -2;
const MAXCCALLS      = 200;
const SPECIALS       = /[\^$*+?.([%-]/;

class MatchState {
    constructor(L) {
        this.src = null;  /* unmodified source string */
        this.src_init = null;  /* init of source string */
        this.src_end = null;  /* end ('\0') of source string */
        this.p = null;  /* unmodified pattern string */
        this.p_end = null;  /* end ('\0') of pattern */
        this.items = null;  /* the pattern, compiled */
        this.first = null;  /* the bytes a match begins with */
        this.L = L;
        this.matchdepth = NaN;  /* control for recursive depth */
        this.level = NaN;  /* total number of captures (finished or unfinished) */
        this.capture = [];
    }
}

const check_capture = function(ms, l) {
    l = l - 49 /* '1'.charCodeAt(0) */;
    if (l < 0 || l >= ms.level || ms.capture[l].len === CAP_UNFINISHED)
        return luaL_error(ms.L, to_luastring("invalid capture index %%%d"), l + 1);
    return l;
};

const capture_to_close = function(ms) {
    let level = ms.level;
    for (level--; level >= 0; level--)
        if (ms.capture[level].len === CAP_UNFINISHED) return level;
    return luaL_error(ms.L, to_luastring("invalid pattern capture"));
};

const classend = function(ms, p) {
    switch(ms.p.charCodeAt(p++)) {
        case L_ESC: {
            if (p === ms.p_end)
                luaL_error(ms.L, to_luastring("malformed pattern (ends with '%%')"));
            return p + 1;
        }
        case 91 /* '['.charCodeAt(0) */: {
            if (ms.p.charCodeAt(p) === 94 /* '^'.charCodeAt(0) */) p++;
            do {  /* look for a ']' */
                if (p === ms.p_end)
                    luaL_error(ms.L, to_luastring("malformed pattern (missing ']')"));
                if (ms.p.charCodeAt(p++) === L_ESC && p < ms.p_end)
                    p++;  /* skip escapes (e.g. '%]') */
            } while (ms.p.charCodeAt(p) !== 93 /* ']'.charCodeAt(0) */);
            return p + 1;
        }
        default: {
            return p;
        }
    }
};

const match_class = function(c, cl) {
    switch (cl) {
        case 97  /* 'a'.charCodeAt(0) */: return  isalpha(c);
        case 65  /* 'A'.charCodeAt(0) */: return !isalpha(c);
        case 99  /* 'c'.charCodeAt(0) */: return  iscntrl(c);
        case 67  /* 'C'.charCodeAt(0) */: return !iscntrl(c);
        case 100 /* 'd'.charCodeAt(0) */: return  isdigit(c);
        case 68  /* 'D'.charCodeAt(0) */: return !isdigit(c);
        case 103 /* 'g'.charCodeAt(0) */: return  isgraph(c);
        case 71  /* 'G'.charCodeAt(0) */: return !isgraph(c);
        case 108 /* 'l'.charCodeAt(0) */: return  islower(c);
        case 76  /* 'L'.charCodeAt(0) */: return !islower(c);
        case 112 /* 'p'.charCodeAt(0) */: return  ispunct(c);
        case 80  /* 'P'.charCodeAt(0) */: return !ispunct(c);
        case 115 /* 's'.charCodeAt(0) */: return  isspace(c);
        case 83  /* 'S'.charCodeAt(0) */: return !isspace(c);
        case 117 /* 'u'.charCodeAt(0) */: return  isupper(c);
        case 85  /* 'U'.charCodeAt(0) */: return !isupper(c);
        case 119 /* 'w'.charCodeAt(0) */: return  isalnum(c);
        case 87  /* 'W'.charCodeAt(0) */: return !isalnum(c);
        case 120 /* 'x'.charCodeAt(0) */: return  isxdigit(c);
        case 88  /* 'X'.charCodeAt(0) */: return !isxdigit(c);
        case 122 /* 'z'.charCodeAt(0) */: return (c === 0);  /* deprecated option */
        case 90  /* 'z'.charCodeAt(0) */: return (c !== 0);  /* deprecated option */
        default: return (cl === c);
    }
};

const matchbracketclass = function(ms, c, p, ec) {
    let sig = true;
    if (ms.p.charCodeAt(p + 1) === 94 /* '^'.charCodeAt(0) */) {
        sig = false;
        p++;  /* skip the '^' */
    }
    while (++p < ec) {
        if (ms.p.charCodeAt(p) === L_ESC) {
            p++;
            if (match_class(c, ms.p.charCodeAt(p)))
                return sig;
        } else if (ms.p.charCodeAt(p + 1) === 45 /* '-'.charCodeAt(0) */ && p + 2 < ec) {
            p += 2;
            if (ms.p.charCodeAt(p - 2) <= c && c <= ms.p.charCodeAt(p))
                return sig;
        } else if (ms.p.charCodeAt(p) === c) return sig;
    }
    return !sig;
};

/* the same in a pattern that is read as it is matched: its sets may be long */
const matchset = function(ms, c, p, ec) {
    spend(ms.L, (ec - p) / 16);
    return matchbracketclass(ms, c, p, ec);
};

const singlematch = function(ms, s, p, ep) {
    if (s >= ms.src_end)
        return false;
    else {
        let c = ms.src.charCodeAt(s);
        switch (ms.p.charCodeAt(p)) {
            case 46 /* '.'.charCodeAt(0) */: return true;  /* matches any char */
            case L_ESC: return match_class(c, ms.p.charCodeAt(p + 1));
            case 91 /* '['.charCodeAt(0) */: return matchset(ms, c, p, ep - 1);
            default: return ms.p.charCodeAt(p) === c;
        }
    }
};

const matchbalance = function(ms, s, p) {
    if (p >= ms.p_end - 1)
        luaL_error(ms.L, to_luastring("malformed pattern (missing arguments to '%%b')"));
    if (ms.src.charCodeAt(s) !== ms.p.charCodeAt(p))
        return null;
    else {
        let b = ms.p.charCodeAt(p);
        let e = ms.p.charCodeAt(p + 1);
        let cont = 1;
        let start = s;
        while (++s < ms.src_end) {
            if (((s - start) & 1023) === 1023) spend(ms.L, 64);
            if (ms.src.charCodeAt(s) === e) {
                if (--cont === 0) return s + 1;
            }
            else if (ms.src.charCodeAt(s) === b) cont++;
        }
    }
    return null;  /* string ends out of balance */
};

const max_expand = function(ms, s, p, ep) {
    let i = 0;  /* counts maximum expand for item */
    while (singlematch(ms, s + i, p, ep))
        i++;
    spend(ms.L, i / 16);
    /* keeps trying to match with the maximum repetitions */
    while (i >= 0) {
        let res = match(ms, s + i, ep + 1);
        if (res !== null) return res;
        i--;  /* else didn't match; reduce 1 repetition to try again */
    }
    return null;
};

const min_expand = function(ms, s, p, ep) {
    for (;;) {
        let res = match(ms, s, ep + 1);
        if (res !== null)
            return res;
        else if (singlematch(ms, s, p, ep))
            s++;  /* try with one more repetition */
        else return null;
    }
};

/* matches what is left of the pattern: 'p' is a place in it or among its items */
const rest = function(ms, s, p) {
    return ms.items === null ? match(ms, s, p) : matchitems(ms, s, p);
};

const start_capture = function(ms, s, p, what) {
    let level = ms.level;
    if (level >= LUA_MAXCAPTURES) luaL_error(ms.L, to_luastring("too many captures"));
    ms.capture[level] = ms.capture[level] ? ms.capture[level] : {};
    ms.capture[level].init = s;
    ms.capture[level].len = what;
    ms.level = level + 1;
    let res;
    if ((res = rest(ms, s, p)) === null)  /* match failed? */
        ms.level--;  /* undo capture */
    return res;
};

const end_capture = function(ms, s, p) {
    let l = capture_to_close(ms);
    ms.capture[l].len = s - ms.capture[l].init;  /* close capture */
    let res;
    if ((res = rest(ms, s, p)) === null)  /* match failed? */
        ms.capture[l].len = CAP_UNFINISHED;  /* undo capture */
    return res;
};

const match_capture = function(ms, s, l) {
    l = check_capture(ms, l);
    let len = ms.capture[l].len;
    /* a position capture has no text to match */
    if (len >= 0 && (ms.src_end-s) >= len && ms.src.startsWith(ms.src.slice(ms.capture[l].init, ms.capture[l].init + len), s))
        return s+len;
    else return null;
};

const match = function(ms, s, p) {
    spend(ms.L, 1);
    let gotodefault = false;
    let gotoinit = true;

    if (ms.matchdepth-- === 0)
        luaL_error(ms.L, to_luastring("pattern too complex"));

    while (gotoinit || gotodefault) {
        gotoinit = false;
        if (p !== ms.p_end) {  /* end of pattern? */
            switch (gotodefault ? void 0 : ms.p.charCodeAt(p)) {
                case 40 /* '('.charCodeAt(0) */: {  /* start capture */
                    if (ms.p.charCodeAt(p + 1) === 41 /* ')'.charCodeAt(0) */)  /* position capture? */
                        s = start_capture(ms, s, p + 2, CAP_POSITION);
                    else
                        s = start_capture(ms, s, p + 1, CAP_UNFINISHED);
                    break;
                }
                case 41 /* ')'.charCodeAt(0) */: {  /* end capture */
                    s = end_capture(ms, s, p + 1);
                    break;
                }
                case 36 /* '$'.charCodeAt(0) */: {
                    if (p + 1 !== ms.p_end) {  /* is the '$' the last char in pattern? */
                        gotodefault = true;  /* no; go to default */
                        break;
                    }
                    s = (ms.src.length - s) === 0 ? s : null;  /* check end of string */
                    break;
                }
                case L_ESC: {  /* escaped sequences not in the format class[*+?-]? */
                    switch (ms.p.charCodeAt(p + 1)) {
                        case 98 /* 'b'.charCodeAt(0) */: {  /* balanced string? */
                            s = matchbalance(ms, s, p + 2);
                            if (s !== null) {
                                p += 4;
                                gotoinit = true;
                            }
                            break;
                        }
                        case 102 /* 'f'.charCodeAt(0) */: {  /* frontier? */
                            p += 2;
                            if (ms.p.charCodeAt(p) !== 91 /* '['.charCodeAt(0) */)
                                luaL_error(ms.L, to_luastring("missing '[' after '%%f' in pattern"));
                            let ep = classend(ms, p);  /* points to what is next */
                            let previous = s === ms.src_init ? 0 : ms.src.charCodeAt(s-1);
                            if (!matchset(ms, previous, p, ep - 1) && matchset(ms, (s===ms.src_end)?0:ms.src.charCodeAt(s), p, ep - 1)) {
                                p = ep; gotoinit = true; break;
                            }
                            s = null;  /* match failed */
                            break;
                        }
                        case 48: case 49: case 50: case 51: case 52:
                        case 53: case 54: case 55: case 56: case 57: {  /* capture results (%0-%9)? */
                            s = match_capture(ms, s, ms.p.charCodeAt(p + 1));
                            if (s !== null) {
                                p += 2; gotoinit = true;
                            }
                            break;
                        }
                        default: gotodefault = true;
                    }
                    break;
                }
                default: {  /* pattern class plus optional suffix */
                    gotodefault = false;
                    let ep = classend(ms, p);  /* points to optional suffix */
                    /* does not match at least once? */
                    if (!singlematch(ms, s, p, ep)) {
                        if (ms.p.charCodeAt(ep) === 42 /* '*'.charCodeAt(0) */ ||
                            ms.p.charCodeAt(ep) === 63 /* '?'.charCodeAt(0) */ ||
                            ms.p.charCodeAt(ep) === 45 /* '-'.charCodeAt(0) */
                        ) {  /* accept empty? */
                            p = ep + 1; gotoinit = true; break;
                        } else  /* '+' or no suffix */
                            s = null;  /* fail */
                    } else {  /* matched once */
                        switch (ms.p.charCodeAt(ep)) {  /* handle optional suffix */
                            case 63 /* '?'.charCodeAt(0) */: {  /* optional */
                                let res;
                                if ((res = match(ms, s + 1, ep + 1)) !== null)
                                    s = res;
                                else {
                                    p = ep + 1; gotoinit = true;
                                }
                                break;
                            }
                            case 43 /* '+'.charCodeAt(0) */:  /* 1 or more repetitions */
                                s++;  /* 1 match already done */
                                /* fall through */
                            case 42 /* '*'.charCodeAt(0) */:  /* 0 or more repetitions */
                                s = max_expand(ms, s, p, ep);
                                break;
                            case 45 /* '-'.charCodeAt(0) */:  /* 0 or more repetitions (minimum) */
                                s = min_expand(ms, s, p, ep);
                                break;
                            default:  /* no suffix */
                                s++; p = ep; gotoinit = true;
                        }
                    }
                    break;
                }
            }
        }
    }
    ms.matchdepth++;
    return s;
};

/*
** Rivet: patterns without '%b', '%f' and mistakes are compiled once: an item for each class with its
** suffix, the class as a table of bytes. The others are read as they are matched, as upstream does.
*/
const I_END     = 0;
const I_OPEN    = 1;
const I_CLOSE   = 2;
const I_LAST    = 3; /* '$' */
const I_BACKREF = 4;
const I_SINGLE  = 5;

class Item {
    constructor(kind, arg, set, suffix) {
        this.kind = kind;
        this.arg = arg;       /* what a capture holds, which one is meant */
        this.set = set;       /* 1 for each byte of the class */
        this.suffix = suffix; /* of the class: 0, '?', '*', '+' or '-' */
    }
}

const END = new Item(I_END, 0, null, 0);
const PATTERNS_MAX = 300;
const compiled = new Map();

const itemsof = function(p) {
    let items = compiled.get(p);
    if (items !== undefined) return items;
    items = p.length > 500 ? null : compile(p);
    if (compiled.size >= PATTERNS_MAX) compiled.clear();
    compiled.set(p, items);
    return items;
};

const compile = function(p) {
    let ms = { p: p, p_end: p.length };
    let items = [];
    for (let i = 0; i < p.length;) {
        let c = p.charCodeAt(i);
        let next = p.charCodeAt(i + 1);
        if (c === 40 /* '(' */) {
            let position = next === 41 /* ')' */;
            items.push(new Item(I_OPEN, position ? CAP_POSITION : CAP_UNFINISHED, null, 0));
            i += position ? 2 : 1;
        } else if (c === 41 /* ')' */) {
            items.push(new Item(I_CLOSE, 0, null, 0));
            i++;
        } else if (c === 36 /* '$' */ && i + 1 === p.length) {
            items.push(new Item(I_LAST, 0, null, 0));
            i++;
        } else if (c === L_ESC && (next === 98 || next === 102 || i + 1 === p.length)) { /* '%b', '%f' */
            return null;
        } else if (c === L_ESC && isdigit(next)) {
            items.push(new Item(I_BACKREF, next, null, 0));
            i += 2;
        } else {
            let ep = i + 1;
            if (c === L_ESC) ep++;
            else if (c === 91 /* '[' */) {
                ep = setend(p, i);
                if (ep < 0) return null;
            }
            let set = new Uint8Array(256);
            for (let b = 0; b < 256; b++) set[b] = matchesclass(ms, b, i, ep) ? 1 : 0;
            let suffix = p.charCodeAt(ep);
            if (suffix !== 42 && suffix !== 43 && suffix !== 45 && suffix !== 63) suffix = 0;
            items.push(new Item(I_SINGLE, 0, set, suffix));
            i = suffix === 0 ? ep : ep + 1;
        }
    }
    items.push(END);
    return items;
};

/* the end of a set, -1 when it has none */
const setend = function(p, i) {
    i++;
    if (p.charCodeAt(i) === 94 /* '^' */) i++;
    do {  /* look for a ']' */
        if (i >= p.length) return -1;
        if (p.charCodeAt(i++) === L_ESC) i++;  /* skip escapes (e.g. '%]') */
    } while (p.charCodeAt(i) !== 93 /* ']' */);
    return i < p.length ? i + 1 : -1;
};

const matchesclass = function(ms, c, p, ep) {
    switch (ms.p.charCodeAt(p)) {
        case 46 /* '.' */: return true;  /* matches any char */
        case L_ESC: return match_class(c, ms.p.charCodeAt(p + 1));
        case 91 /* '[' */: return matchbracketclass(ms, c, p, ep - 1);
        default: return ms.p.charCodeAt(p) === c;
    }
};

/* the bytes a match begins with, null when it may begin with any or with none */
const firstof = function(items) {
    if (items === null) return null;
    let i = 0;
    while (items[i].kind === I_OPEN && items[i].arg === CAP_UNFINISHED) i++;
    let item = items[i];
    return item.kind === I_SINGLE && (item.suffix === 0 || item.suffix === 43) ? item.set : null;
};

const matchitems = function(ms, s, i) {
    spend(ms.L, 1);
    if (ms.matchdepth-- === 0)
        luaL_error(ms.L, to_luastring("pattern too complex"));
    let res = matchfrom(ms, s, i);
    ms.matchdepth++;
    return res;
};

const matchfrom = function(ms, s, i) {
    let items = ms.items;
    let src = ms.src;
    for (;; i++) {
        let item = items[i];
        switch (item.kind) {
            case I_END: return s;
            case I_OPEN: return start_capture(ms, s, i + 1, item.arg);
            case I_CLOSE: return end_capture(ms, s, i + 1);
            case I_LAST: return s === ms.src_end ? s : null;
            case I_BACKREF:
                s = match_capture(ms, s, item.arg);
                if (s === null) return null;
                break;
            default: {
                let set = item.set;
                let once = s < ms.src_end && set[src.charCodeAt(s)] === 1;
                switch (item.suffix) {
                    case 0:
                        if (!once) return null;
                        s++;
                        break;
                    case 63: { /* '?' */
                        if (!once) break;
                        let res = matchitems(ms, s + 1, i + 1);
                        if (res !== null) return res;
                        break;
                    }
                    case 45: /* '-' */
                        for (;;) {
                            let res = matchitems(ms, s, i + 1);
                            if (res !== null) return res;
                            if (s >= ms.src_end || set[src.charCodeAt(s)] !== 1) return null;
                            s++;  /* try with one more repetition */
                        }
                    default: { /* '*' and '+' */
                        if (!once) {
                            if (item.suffix === 43) return null;
                            break;
                        }
                        let e = s + 1;
                        while (e < ms.src_end && set[src.charCodeAt(e)] === 1) e++;
                        spend(ms.L, (e - s) / 16);
                        if (items[i + 1].kind === I_END) return e;
                        /* keeps trying to match with the maximum repetitions */
                        let least = item.suffix === 43 ? s + 1 : s;
                        for (; e >= least; e--) {
                            let res = matchitems(ms, e, i + 1);
                            if (res !== null) return res;
                        }
                        return null;
                    }
                }
            }
        }
    }
};

/* matches the pattern at 's' */
const matchat = function(ms, s) {
    return ms.items === null ? match(ms, s, 0) : matchitems(ms, s, 0);
};

/* the next place from 's' on where a match may begin */
const skip = function(ms, s) {
    let first = ms.first;
    if (first === null) return s;
    let src = ms.src;
    let from = s;
    while (s < ms.src_end && first[src.charCodeAt(s)] === 0) s++;
    if (s > from) spend(ms.L, (s - from) / 16);
    return s;
};

const push_onecapture = function(ms, i, s, e) {
    if (i >= ms.level) {
        if (i === 0)
            lua_pushbin(ms.L, slice(ms.src, s, e));  /* add whole match */
        else
            luaL_error(ms.L, to_luastring("invalid capture index %%%d"), i + 1);
    } else {
        let l = ms.capture[i].len;
        if (l === CAP_UNFINISHED) luaL_error(ms.L, to_luastring("unfinished capture"));
        if (l === CAP_POSITION)
            lua_pushinteger(ms.L, ms.capture[i].init - ms.src_init + 1);
        else
            lua_pushbin(ms.L, slice(ms.src, ms.capture[i].init, ms.capture[i].init + l));
    }
};

const push_captures = function(ms, s, e) {
    let nlevels = (ms.level === 0 && s != null) ? 1 : ms.level;
    luaL_checkstack(ms.L, nlevels, "too many captures");
    for (let i = 0; i < nlevels; i++)
        push_onecapture(ms, i, s, e);
    return nlevels;  /* number of strings pushed */
};

const prepstate = function(ms, L, s, ls, p, lp) {
    ms.L = L;
    ms.matchdepth = MAXCCALLS;
    ms.src = s;
    ms.src_init = 0;
    ms.src_end = ls;
    ms.p = p;
    ms.p_end = lp;
    ms.items = itemsof(p);
    ms.first = firstof(ms.items);
};

const reprepstate = function(ms) {
    ms.level = 0;
    lua_assert(ms.matchdepth === MAXCCALLS);
};

const str_find_aux = function(L, find) {
    let s = luaL_checkbin(L, 1);
    let p = luaL_checkbin(L, 2);
    let ls = s.length;
    let lp = p.length;
    let init = posrelat(luaL_optinteger(L, 3, 1), ls);
    if (init < 1) init = 1;
    else if (init > ls + 1) {  /* start after string's end? */
        lua_pushnil(L);  /* cannot find anything */
        return 1;
    }
    /* explicit request or no special characters? */
    if (find && (lua_toboolean(L, 4) || !SPECIALS.test(p))) {
        /* do a plain search */
        spend(L, (ls + lp) / 64);
        let f = s.indexOf(p, init - 1);
        if (f > -1) {
            lua_pushinteger(L, f + 1);
            lua_pushinteger(L, f + lp);
            return 2;
        }
    } else {
        let ms = new MatchState(L);
        let s1 = init - 1;
        let anchor = p.charCodeAt(0) === 94 /* '^'.charCodeAt(0) */;
        if (anchor) {
            p = p.slice(1); lp--;  /* skip anchor character */
        }
        prepstate(ms, L, s, ls, p, lp);
        do {
            let res;
            if (!anchor) s1 = skip(ms, s1);
            reprepstate(ms);
            if ((res = matchat(ms, s1)) !== null) {
                if (find) {
                    lua_pushinteger(L, s1 + 1);  /* start */
                    lua_pushinteger(L, res);   /* end */
                    return push_captures(ms, null, 0) + 2;
                } else
                    return push_captures(ms, s1, res);
            }
        } while (s1++ < ms.src_end && !anchor);
    }
    lua_pushnil(L);  /* not found */
    return 1;
};

const str_find = function(L) {
    return str_find_aux(L, 1);
};

const str_match = function(L) {
    return str_find_aux(L, 0);
};

/* state for 'gmatch' */
class GMatchState {
    constructor() {
        this.src = NaN;  /* current position */
        this.p = NaN;  /* pattern */
        this.lastmatch = NaN;  /* end of last match */
        this.ms = new MatchState();  /* match state */
    }
}

const gmatch_aux = function(L) {
    let gm = lua_touserdata(L, lua_upvalueindex(3));
    gm.ms.L = L;
    for (let src = gm.src; src <= gm.ms.src_end; src++) {
        src = skip(gm.ms, src);
        reprepstate(gm.ms);
        let e;
        if ((e = matchat(gm.ms, src)) !== null && e !== gm.lastmatch) {
            gm.src = gm.lastmatch = e;
            return push_captures(gm.ms, src, e);
        }
    }
    return 0;  /* not found */
};

const str_gmatch = function(L) {
    let s = luaL_checkbin(L, 1);
    let p = luaL_checkbin(L, 2);
    let ls = s.length;
    let lp = p.length;
    lua_settop(L, 2);  /* keep them on closure to avoid being collected */
    let gm = new GMatchState();
    lua_pushlightuserdata(L, gm);
    prepstate(gm.ms, L, s, ls, p, lp);
    gm.src = 0;
    gm.p = 0;
    gm.lastmatch = null;
    lua_pushcclosure(L, gmatch_aux, 3);
    return 1;
};

/* the replacement string with its captures */
const replacement = function(ms, news, s, e) {
    let L = ms.L;
    let i = news.indexOf("%");
    if (i === -1) return news;
    let out = "";
    let from = 0;
    for (; i !== -1; i = news.indexOf("%", from)) {
        out += news.slice(from, i);
        let c = news.charCodeAt(i + 1);
        from = i + 2;
        if (!isdigit(c)) {
            if (c !== L_ESC)
                luaL_error(L, to_luastring("invalid use of '%c' in replacement string"), L_ESC);
            out += "%";
        } else if (c === 48 /* '0'.charCodeAt(0) */)
            out += ms.src.slice(s, e);
        else {
            push_onecapture(ms, c - 49 /* '1'.charCodeAt(0) */, s, e);
            out += luaL_tobin(L, -1);
            lua_pop(L, 1);
        }
    }
    return out + news.slice(from);
};

/* what a match is replaced by */
const replaced = function(ms, news, s, e, tr) {
    let L = ms.L;
    switch (tr) {
        case LUA_TFUNCTION: {
            lua_pushvalue(L, 3);
            let n = push_captures(ms, s, e);
            lua_call(L, n, 1);
            break;
        }
        case LUA_TTABLE: {
            push_onecapture(ms, 0, s, e);
            lua_gettable(L, 3);
            break;
        }
        default:  /* LUA_TNUMBER or LUA_TSTRING */
            return replacement(ms, news, s, e);
    }
    let value = ms.src.slice(s, e);  /* keep original text */
    if (lua_toboolean(L, -1)) {
        if (!lua_isstring(L, -1))
            luaL_error(L, to_luastring("invalid replacement value (a %s)"), luaL_typename(L, -1));
        value = lua_tobin(L, -1);
    }
    lua_pop(L, 1);
    return value;
};

const str_gsub = function(L) {
    let s = luaL_checkbin(L, 1);  /* subject */
    let srcl = s.length;
    let p = luaL_checkbin(L, 2);  /* pattern */
    let lp = p.length;
    let lastmatch = null;  /* end of last match */
    let tr = lua_type(L, 3);  /* replacement type */
    let max_s = luaL_optinteger(L, 4, srcl + 1);  /* max replacements */
    let anchor = p.charCodeAt(0) === 94 /* '^'.charCodeAt(0) */;
    let n = 0;  /* replacement count */
    let ms = new MatchState(L);
    luaL_argcheck(L, tr === LUA_TNUMBER || tr === LUA_TSTRING || tr === LUA_TFUNCTION || tr === LUA_TTABLE, 3,
        "string/function/table expected");
    if (anchor) {
        p = p.slice(1); lp--;  /* skip anchor character */
    }
    let news = tr === LUA_TNUMBER || tr === LUA_TSTRING ? lua_tobin(L, 3) : null;
    prepstate(ms, L, s, srcl, p, lp);
    let out = "";
    let kept = 0;  /* the text up to here is in 'out' */
    let claimed = 0;
    let src = 0;
    while (n < max_s) {
        let e;
        if (!anchor) src = skip(ms, src);
        reprepstate(ms);
        if ((e = matchat(ms, src)) !== null && e !== lastmatch) {  /* match? */
            n++;
            let value = replaced(ms, news, src, e, tr);
            out += s.slice(kept, src) + value;
            if (out.length - claimed >= 65536) {
                claim(L, out.length);
                claimed = out.length;
            }
            kept = src = lastmatch = e;
        } else if (src < ms.src_end)  /* otherwise, skip one character */
            src++;
        else break;  /* end of subject */
        if (anchor) break;
    }
    lua_pushbin(L, n === 0 ? s : out + s.slice(kept));
    lua_pushinteger(L, n);  /* number of substitutions */
    return 2;
};

const strlib = {
    "byte":     str_byte,
    "char":     str_char,
    "find":     str_find,
    "format":   str_format,
    "gmatch":   str_gmatch,
    "gsub":     str_gsub,
    "len":      str_len,
    "lower":    str_lower,
    "match":    str_match,
    "pack":     str_pack,
    "packsize": str_packsize,
    "rep":      str_rep,
    "reverse":  str_reverse,
    "sub":      str_sub,
    "unpack":   str_unpack,
    "upper":    str_upper
};

const createmetatable = function(L) {
    lua_createtable(L, 0, 1);  /* table to be metatable for strings */
    lua_pushliteral(L, "");  /* dummy string */
    lua_pushvalue(L, -2);  /* copy table */
    lua_setmetatable(L, -2);  /* set table as metatable for strings */
    lua_pop(L, 1);  /* pop dummy string */
    lua_pushvalue(L, -2);  /* get string library */
    lua_setfield(L, -2, to_luastring("__index", true));  /* metatable.__index = string */
    lua_pop(L, 1);  /* pop metatable */
};

setfast(strlib, fast.string);
pure.setpure(strlib, pure.string);

const luaopen_string = function(L) {
    luaL_newlib(L, strlib);
    createmetatable(L);
    return 1;
};

module.exports.luaopen_string = luaopen_string;
