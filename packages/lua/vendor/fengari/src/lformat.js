"use strict";

/*
** Rivet: numbers as C's printf writes them. Replaces sprintf-js, which is exact for 32-bit integers only.
*/

const padText = function(text, flags, width) {
    if (text.length >= width) return text;
    return flags.includes("-") ? text.padEnd(width) : text.padStart(width);
};

/* sign, prefix ("0x") and digits with the flags '+', ' ', '0', '-' and the width applied */
const padNumber = function(sign, digits, flags, width, zeros, prefix = "") {
    if (sign === "" && flags.includes("+")) sign = "+";
    else if (sign === "" && flags.includes(" ")) sign = " ";
    if (zeros && flags.includes("0") && !flags.includes("-"))
        digits = digits.padStart(width - sign.length - prefix.length, "0");
    return padText(sign + prefix + digits, flags, width);
};

/*
** Rounds the text of decimal digits 'all' to its first 'count', half to even, as C does.
** Returns one digit more when the carry needs it.
*/
const roundDigits = function(all, count) {
    let kept = all.slice(0, count);
    let rest = all.slice(count);
    if (rest === "" || rest[0] < "5") return kept;
    let odd = count > 0 && (kept.charCodeAt(count - 1) & 1) === 1;
    if (rest[0] === "5" && /^50*$/.test(rest) && !odd) return kept;
    let up = (BigInt(kept === "" ? "0" : kept) + 1n).toString();
    return up.padStart(count, "0");
};

const EXACT = 100;  /* digits JavaScript writes exactly */

/* 'x' >= 0 with 'precision' digits after the point */
const fixed = function(x, precision, alternate) {
    let whole, fraction;
    if (x >= 2 ** 53) {
        whole = BigInt(x).toString();
        fraction = "0".repeat(precision);
    } else {
        let text = x.toFixed(EXACT);
        let dot = text.indexOf(".");
        let digits = roundDigits(text.slice(0, dot) + text.slice(dot + 1), dot + precision);
        whole = digits.slice(0, digits.length - precision);
        fraction = digits.slice(digits.length - precision);
    }
    return precision > 0 || alternate ? whole + "." + fraction : whole;
};

/* digits and decimal exponent of 'x' >= 0 rounded to 'count' significant digits */
const significant = function(x, count) {
    if (x === 0) return { digits: "0".repeat(count), exponent: 0 };
    let text = x.toExponential(EXACT);
    let e = text.indexOf("e");
    let exponent = Number(text.slice(e + 1));
    let digits = roundDigits(text[0] + text.slice(2, e), count);
    if (digits.length > count) {
        digits = digits.slice(0, count);
        exponent++;
    }
    return { digits: digits, exponent: exponent };
};

const exponentText = function(exponent) {
    return "e" + (exponent < 0 ? "-" : "+") + String(Math.abs(exponent)).padStart(2, "0");
};

const scientific = function(x, precision, alternate) {
    let s = significant(x, precision + 1);
    let dot = precision > 0 || alternate ? "." : "";
    return s.digits[0] + dot + s.digits.slice(1) + exponentText(s.exponent);
};

const general = function(x, precision, alternate) {
    if (precision === 0) precision = 1;
    let s = significant(x, precision);
    let text, exponent = "";
    if (s.exponent < -4 || s.exponent >= precision) {
        text = s.digits[0] + "." + s.digits.slice(1);
        exponent = exponentText(s.exponent);
    } else if (s.exponent < 0)
        text = "0." + "0".repeat(-s.exponent - 1) + s.digits;
    else
        text = s.digits.slice(0, s.exponent + 1) + "." + s.digits.slice(s.exponent + 1);
    if (!alternate) text = text.replace(/\.?0*$/, "");
    return text + exponent;
};

const hexFloat = function(x, precision, alternate) {
    if (x === 0) return "0x0" + (precision > 0 ? "." + "0".repeat(precision) : "") + "p+0";
    let view = new DataView(new ArrayBuffer(8));
    view.setFloat64(0, x);
    let bits = view.getBigUint64(0);
    let exponent = Number((bits >> 52n) & 0x7ffn);
    let mantissa = bits & 0xfffffffffffffn;
    let lead = exponent === 0 ? 0n : 1n;
    exponent = exponent === 0 ? -1022 : exponent - 1023;
    let all = (lead << 52n) | mantissa;
    let digits;
    if (precision === undefined || precision >= 13) {
        digits = (all & 0xfffffffffffffn).toString(16).padStart(13, "0");
        digits = precision === undefined ? digits.replace(/0+$/, "") : digits.padEnd(precision, "0");
    } else {
        let drop = BigInt(52 - 4 * precision);
        let half = 1n << (drop - 1n);
        let rest = all & ((1n << drop) - 1n);
        all >>= drop;
        if (rest > half || (rest === half && (all & 1n) === 1n)) all += 1n;
        lead = all >> BigInt(4 * precision);
        let tail = all & ((1n << BigInt(4 * precision)) - 1n);
        digits = precision === 0 ? "" : tail.toString(16).padStart(precision, "0");
        return "0x" + lead + (digits || alternate ? "." : "") + digits + "p" + (exponent < 0 ? "" : "+") + exponent;
    }
    lead = all >> 52n;
    return "0x" + lead + (digits || alternate ? "." : "") + digits + "p" + (exponent < 0 ? "" : "+") + exponent;
};

const formatInteger = function(conversion, flags, width, precision, n) {
    let sign = "";
    let digits;
    let magnitude = BigInt(n);
    if (conversion === "d" || conversion === "i") {
        if (n < 0) {
            sign = "-";
            magnitude = -magnitude;
        }
        digits = magnitude.toString();
    } else {
        /* unsigned conversions show a negative number as 64-bit two's complement */
        magnitude = BigInt.asUintN(64, magnitude);
        digits = magnitude.toString(conversion === "o" ? 8 : conversion === "u" ? 10 : 16);
        flags = flags.replace(/[+ ]/g, "");
    }
    if (precision !== undefined) {
        digits = precision === 0 && n === 0 ? "" : digits.padStart(precision, "0");
        flags = flags.replace(/0/g, "");
    }
    if (flags.includes("#")) {
        if (conversion === "o" && digits[0] !== "0") digits = "0" + digits;
        else if ((conversion === "x" || conversion === "X") && n !== 0) sign = "0x";
    }
    let text = padNumber(sign, digits, flags, width, true);
    return conversion === "X" ? text.toUpperCase() : text;
};

const formatFloat = function(conversion, flags, width, precision, n) {
    let sign = n < 0 || Object.is(n, -0) ? "-" : "";
    let lower = conversion.toLowerCase();
    let alternate = flags.includes("#");
    let x = Math.abs(n);
    let text;
    if (!Number.isFinite(n)) {
        if (Number.isNaN(n)) sign = "";
        text = padNumber(sign, Number.isNaN(n) ? "nan" : "inf", flags, width, false);
    } else {
        let digits;
        if (lower === "a") digits = hexFloat(x, precision, alternate).slice(2);
        else {
            if (precision === undefined) precision = 6;
            if (lower === "e") digits = scientific(x, precision, alternate);
            else if (lower === "f") digits = fixed(x, precision, alternate);
            else digits = general(x, precision, alternate);
        }
        text = padNumber(sign, digits, flags, width, true, lower === "a" ? "0x" : "");
    }
    return conversion === lower ? text : text.toUpperCase();
};

/*
** 'conversion' is one of the letters of printf, 'flags' any of "-+ #0", 'precision' undefined for
** the default.
*/
const formatNumber = function(conversion, flags, width, precision, n) {
    return "diouxX".includes(conversion)
        ? formatInteger(conversion, flags, width, precision, n)
        : formatFloat(conversion, flags, width, precision, n);
};

module.exports.formatNumber = formatNumber;
module.exports.padText      = padText;
