"use strict";
const HOT_LOOP = Infinity;
module.exports.HOT_LOOP = HOT_LOOP;
module.exports.usable = function(_L, _p) { return false; };
module.exports.loop = function(_L, _ci, _cl, pc) { return pc; };
