"use strict";

/*
** Rivet: the budget of a program. The VM counts a step for each instruction, native loops count
** theirs; every 'STEPS' steps the host looks at its clocks. A limit that is reached ends the process
** inside 'check', so a script can't catch it.
*/

const STEPS = 5000;

const budget = {
    steps: STEPS,
    /* counts the answers of the host: what is hot is hot between two of them (ljit.js) */
    answers: 0,
    /* set by the host; must set 'steps' again */
    check: function(_L) { budget.steps = STEPS; },
    /* set by the host: called before 'bytes' are allocated at once */
    claim: function(_L, _bytes) {}
};

/* counts the steps of a native loop */
const spend = function(L, steps) {
    budget.steps -= steps;
    if (budget.steps <= 0) budget.check(L);
};

/* announces an allocation outside of the JavaScript heap */
const claim = function(L, bytes) {
    if (bytes >= 4096) budget.claim(L, bytes);
};

module.exports.STEPS  = STEPS;
module.exports.budget = budget;
module.exports.claim  = claim;
module.exports.spend  = spend;
