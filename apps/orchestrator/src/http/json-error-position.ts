// Finds where a text stops being JSON, because JSON.parse does not always say.

const WHITESPACE = /[ \t\n\r]*/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids exactly these in a string
const PLAIN = /[^"\\\u0000-\u001f]*/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;
const QUOTE = /"/y;
const SCALAR = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;

/** Where a text goes wrong; lines and columns count from 1. */
export interface JsonErrorPosition {
  readonly offset: number;
  readonly line: number;
  readonly column: number;
  readonly expected: string;
}

/** The first position of a text that JSON.parse has refused. */
export function findJsonError(text: string): JsonErrorPosition {
  const { offset, expected } = scan(text);
  const before = text.slice(0, offset).split('\n');
  return { offset, line: before.length, column: (before.at(-1)?.length ?? 0) + 1, expected };
}

/** Walks the text with a stack of its own, so that its depth does not matter. */
function scan(text: string): { offset: number; expected: string } {
  const stack: ('{' | '[')[] = [];
  let offset = 0;
  const take = (pattern: RegExp): boolean => {
    pattern.lastIndex = offset;
    const found = pattern.test(text);
    if (found) offset = pattern.lastIndex;
    return found;
  };
  // Piece by piece: one pattern for a whole string runs out of stack where it is long.
  const takeString = (): boolean => {
    const start = offset;
    if (!take(QUOTE)) return false;
    do take(PLAIN);
    while (take(ESCAPE));
    if (take(QUOTE)) return true;
    offset = start;
    return false;
  };
  const takeText = (character: string): boolean => {
    take(WHITESPACE);
    if (text[offset] !== character) return false;
    offset += 1;
    return true;
  };
  const takeKey = (): string | undefined => {
    take(WHITESPACE);
    if (!takeString()) return 'a key in double quotes';
    return takeText(':') ? undefined : '":"';
  };
  for (;;) {
    // A value begins.
    if (takeText('{')) {
      if (!takeText('}')) {
        stack.push('{');
        const problem = takeKey();
        if (problem !== undefined) return { offset, expected: problem };
        continue;
      }
    } else if (takeText('[')) {
      if (!takeText(']')) {
        stack.push('[');
        continue;
      }
    } else if (!takeString() && !take(SCALAR)) {
      return { offset, expected: 'a value' };
    }
    // A value has ended.
    for (;;) {
      const open = stack.at(-1);
      if (open === undefined) {
        take(WHITESPACE);
        return { offset, expected: 'the end' };
      }
      if (takeText(',')) {
        const problem = open === '{' ? takeKey() : undefined;
        if (problem !== undefined) return { offset, expected: problem };
        break;
      }
      if (!takeText(open === '{' ? '}' : ']')) {
        return { offset, expected: open === '{' ? '"," or "}"' : '"," or "]"' };
      }
      stack.pop();
    }
  }
}
