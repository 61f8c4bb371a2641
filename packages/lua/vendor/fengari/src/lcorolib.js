"use strict";

const {
    LUA_OK,
    LUA_TFUNCTION,
    LUA_TSTRING,
    LUA_YIELD,
    lua_Debug,
    lua_checkstack,
    lua_concat,
    lua_error,
    lua_getstack,
    lua_gettop,
    lua_insert,
    lua_isyieldable,
    lua_newthread,
    lua_pop,
    lua_pushboolean,
    lua_pushcclosure,
    lua_pushliteral,
    lua_pushthread,
    lua_pushvalue,
    lua_resume,
    lua_status,
    lua_tothread,
    lua_type,
    lua_upvalueindex,
    lua_xmove,
    lua_yield,
    lua_yieldk
} = require('./lua.js');
const { to_luastring } = require('./defs.js');
const {
    luaL_argcheck,
    luaL_checktype,
    luaL_error,
    luaL_newlib,
    luaL_where
} = require('./lauxlib.js');

const getco = function(L) {
    let co = lua_tothread(L, 1);
    luaL_argcheck(L, co, 1, "thread expected");
    return co;
};

/*
** Rivet: a host call suspends the thread that makes it and, one after the other, the threads that
** resumed it, up to the branch that the host started. 'blocking' is set by the host: it waits for a
** host call where the VM can't be suspended, as in a comparison function of 'table.sort'.
*/
const host = {
    blocking: function(_L, _call) { throw new Error("no host"); },
    /* told that an error text goes on as another one */
    renamed: function(_from, _to) {}
};

/* values that 'auxresume' found are on top of 'L': makes them the results of 'resume' or 'wrap' */
const resumed = function(L, co, status, finish) {
    while (status === LUA_YIELD && co.hostcall !== null) {
        lua_pop(co, lua_gettop(co));
        if (lua_isyieldable(L)) {
            L.hostcall = co.hostcall;
            return lua_yieldk(L, 0, { co: co, finish: finish }, resumedk);
        }
        host.blocking(L, co.hostcall);
        status = again(L, co);
    }
    co.resumer = null;
    return finish(L, results(L, co, status));
};

/* the host call is done: the thread that made it runs on */
const again = function(L, co) {
    L.hostcall = null;
    return lua_resume(co, L, 0);
};

const resumedk = function(L, _status, ctx) {
    return resumed(L, ctx.co, again(L, ctx.co), ctx.finish);
};

const auxresume = function(L, co, narg, finish) {
    if (!lua_checkstack(co, narg)) {
        lua_pushliteral(L, "too many arguments to resume");
        return finish(L, -1);  /* error flag */
    }

    if (co.hostcall !== null) {
        lua_pushliteral(L, "cannot resume non-suspended coroutine");
        return finish(L, -1);  /* error flag */
    }

    if (lua_status(co) === LUA_OK && lua_gettop(co) === 0) {
        lua_pushliteral(L, "cannot resume dead coroutine");
        return finish(L, -1);  /* error flag */
    }

    lua_xmove(L, co, narg);
    let before = co.resumer;
    co.resumer = L;
    if (co.status === LUA_OK && co.ci !== co.base_ci) {  /* running: refused, and still its resumer's */
        let status = lua_resume(co, L, narg);
        co.resumer = before;
        return finish(L, results(L, co, status));
    }
    return resumed(L, co, lua_resume(co, L, narg), finish);
};

const results = function(L, co, status) {
    if (status === LUA_OK || status === LUA_YIELD) {
        let nres = lua_gettop(co);
        if (!lua_checkstack(L, nres + 1)) {
            lua_pop(co, nres);  /* remove results anyway */
            lua_pushliteral(L, "too many results to resume");
            return -1;  /* error flag */
        }

        lua_xmove(co,  L, nres);  /* move yielded values */
        return nres;
    } else {
        lua_xmove(co, L, 1);  /* move error message */
        return -1;  /* error flag */
    }
};

const finishresume = function(L, r) {
    if (r < 0) {
        lua_pushboolean(L, 0);
        lua_insert(L, -2);
        return 2;  /* return false + error message */
    } else {
        lua_pushboolean(L, 1);
        lua_insert(L, -(r + 1));
        return r + 1;  /* return true + 'resume' returns */
    }
};

const luaB_coresume = function(L) {
    let co = getco(L);
    return auxresume(L, co, lua_gettop(L) - 1, finishresume);
};

const finishwrap = function(L, r) {
    if (r < 0) {
        if (lua_type(L, -1) === LUA_TSTRING) {  /* error object is a string? */
            let raised = L.stack[L.top - 1];
            luaL_where(L, 1);  /* add extra info */
            lua_insert(L, -2);
            lua_concat(L, 2);
            host.renamed(raised, L.stack[L.top - 1]);
        }

        return lua_error(L);  /* propagate error */
    }

    return r;
};

const luaB_auxwrap = function(L) {
    let co = lua_tothread(L, lua_upvalueindex(1));
    return auxresume(L, co, lua_gettop(L), finishwrap);
};

const luaB_cocreate = function(L) {
    luaL_checktype(L, 1, LUA_TFUNCTION);
    let NL = lua_newthread(L);
    lua_pushvalue(L, 1);  /* move function to top */
    lua_xmove(L, NL, 1);  /* move function from L to NL */
    return 1;
};

const luaB_cowrap = function(L) {
    luaB_cocreate(L);
    lua_pushcclosure(L, luaB_auxwrap, 1);
    return 1;
};

const luaB_yield = function(L) {
    if (L.isbranch)
        return luaL_error(L, to_luastring("attempt to yield from outside a coroutine"));
    return lua_yield(L, lua_gettop(L));
};

const luaB_costatus = function(L) {
    let co = getco(L);
    if (L === co) lua_pushliteral(L, "running");
    else {
        switch (lua_status(co)) {
            case LUA_YIELD:
                lua_pushliteral(L, co.hostcall === null ? "suspended" : "normal");
                break;
            case LUA_OK: {
                let ar = new lua_Debug();
                if (lua_getstack(co, 0, ar) > 0)  /* does it have frames? */
                    lua_pushliteral(L, "normal");  /* it is running */
                else if (lua_gettop(co) === 0)
                    lua_pushliteral(L, "dead");
                else
                    lua_pushliteral(L, "suspended");  /* initial state */
                break;
            }
            default:  /* some error occurred */
                lua_pushliteral(L, "dead");
                break;
        }
    }

    return 1;
};

const luaB_yieldable = function(L) {
    lua_pushboolean(L, lua_isyieldable(L) && !L.isbranch);
    return 1;
};

const luaB_corunning = function(L) {
    lua_pushthread(L);
    lua_pushboolean(L, L.isbranch || L.l_G.mainthread === L);
    return 2;
};

const co_funcs = {
    "create":      luaB_cocreate,
    "isyieldable": luaB_yieldable,
    "resume":      luaB_coresume,
    "running":     luaB_corunning,
    "status":      luaB_costatus,
    "wrap":        luaB_cowrap,
    "yield":       luaB_yield
};

const luaopen_coroutine = function(L) {
    luaL_newlib(L, co_funcs);
    return 1;
};

module.exports.host              = host;
module.exports.luaopen_coroutine = luaopen_coroutine;
