// Finds the module names that a Lua source requires by a literal: require("a.b"), require 'a.b'.

/** A module name that stands for a file: words of letters, digits, `_` and `-`, joined by dots. */
const MODULE_NAME = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/;

/**
 * One token that matters: a long comment or string, a line comment, a quoted string, a word. A
 * string that is not closed is a token too, so nothing is ever scanned twice and matching stays
 * linear.
 */
const TOKEN =
  /--\[(?<commentLevel>=*)\[|--[^\n]*|\[(?<stringLevel>=*)\[|"(?:[^"\\\n]+|\\[\s\S])*"?|'(?:[^'\\\n]+|\\[\s\S])*'?|[A-Za-z_][A-Za-z0-9_]*|[^\s]/g;

/**
 * The names in the order of their first use. Names that no file can have are left to Lua to refuse.
 */
export function requiredNames(source: string): string[] {
  // Most files require nothing, and it takes a while to read the tokens of a long one.
  if (!source.includes('require')) return [];
  const names = new Set<string>();
  // The two tokens before the current one, to see `require "x"` and `require("x")` and not
  // `a.require`.
  let before = '';
  let callee = '';
  for (const token of sourceTokens(source)) {
    const literal = textOfToken(token);
    if (literal !== undefined && callee === 'require' && MODULE_NAME.test(literal)) {
      names.add(literal);
    }
    if (token !== '(') {
      callee = token === 'require' && before !== '.' && before !== ':' ? token : '';
      before = token;
    }
  }
  return [...names];
}

/** The tokens of a Lua source without its comments; strings with their quotes. */
export function* sourceTokens(source: string): Generator<string> {
  const pattern = new RegExp(TOKEN);
  for (let match = pattern.exec(source); match !== null; match = pattern.exec(source)) {
    const comment = match.groups?.commentLevel;
    const level = comment ?? match.groups?.stringLevel;
    if (level !== undefined) {
      const close = `]${level}]`;
      const end = source.indexOf(close, pattern.lastIndex);
      if (end === -1) return;
      pattern.lastIndex = end + close.length;
      if (comment === undefined) yield source.slice(match.index, pattern.lastIndex);
    } else if (!match[0].startsWith('--')) {
      yield match[0];
    }
  }
}

/**
 * What a string token says, undefined for another token; escapes don't occur in module names, so
 * they need no decoding.
 */
export function textOfToken(token: string): string | undefined {
  if (/^["']/.test(token)) {
    return token.length >= 2 && token.at(-1) === token[0] ? token.slice(1, -1) : undefined;
  }
  const long = /^\[(=*)\[([\s\S]*)\]\1\]$/.exec(token);
  return long?.[2];
}
