"use strict";

/*
** Rivet: while 'state.on', tables remember where their fields were set, so that a host can point at
** the line of a wrong value. Keys of 'marks' are those of JavaScript's Map: numbers as they are,
** strings with a character a byte.
*/

const { LFloat, Table } = require('./lvalue.js');

const CIST_LUA = 1 << 1;

const state = { on: false };

const proto = function(ci) {
    return ci.func.p;
};

/* the place of the nearest frame that is the user's own code, null when there is none */
const userplace = function(L, ci) {
    for (let thread = L; thread !== null; thread = thread.resumer) {
        for (let frame = thread === L ? ci : thread.ci; frame !== null; frame = frame.previous) {
            if (!(frame.callstatus & CIST_LUA)) continue;
            let p = proto(frame);
            if (p.trusted) continue;
            let pc = frame.l_savedpc - 1;
            return { source: p.source, line: p.lineinfo[pc], column: p.columns[pc] };
        }
    }
    return null;
};

const mark = function(table, hash, place) {
    if (table.marks === null) table.marks = new Map();
    table.marks.set(hash, place);
};

const hashof = function(key) {
    return key instanceof LFloat ? key.n : key;
};

/* a field was assigned by an instruction of 'ci' */
const set = function(L, ci, table, key) {
    if (!(table instanceof Table)) return;
    let p = proto(ci);
    let place = p.fieldmarks === null || p.trusted ? undefined : p.fieldmarks[ci.l_savedpc - 1];
    place = place === undefined ? userplace(L, ci) : { source: p.source, line: place[0], column: place[1] };
    if (place !== null) mark(table, hashof(key), place);
};

/* a field was assigned by a native function */
const setfromnative = function(L, table, key) {
    if (!(table instanceof Table)) return;
    let place = userplace(L, L.ci);
    if (place !== null) mark(table, hashof(key), place);
};

/* items first + 1 to first + count of a constructor were stored */
const list = function(ci, h, first, count) {
    let p = proto(ci);
    let places = p.fieldmarks === null || p.trusted ? undefined : p.fieldmarks[ci.l_savedpc - 1];
    if (places === undefined) return;
    for (let i = 1; i <= count; i++) {
        let place = places[Math.min(i, places.length) - 1];
        mark(h, first + i, { source: p.source, line: place[0], column: place[1] });
    }
};

const born = function(L, ci, h) {
    h.born = userplace(L, ci);
};

module.exports.born          = born;
module.exports.list          = list;
module.exports.set           = set;
module.exports.setfromnative = setfromnative;
module.exports.state         = state;
module.exports.userplace     = userplace;
