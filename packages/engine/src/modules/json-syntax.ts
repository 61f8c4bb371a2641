// Finds the place where a text stops being JSON, which the parser of the platform does not tell.

/** Lists and tables inside of each other at most. */
export const JSON_DEPTH_MAX = 100;

export interface JsonMistake {
  /** Characters before the mistake. */
  readonly position: number;
  /** What was found and expected there. */
  readonly reason: string;
}

const STRING = /"(?:[ !#-[\]-\uffff]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const SCALAR = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;
const BLANKS = /[ \t\r\n]*/y;

type Expected = 'value' | 'value or "]"' | 'key or "}"' | 'key' | ':' | 'end';

/** The first mistake of a text; undefined when it is JSON that is not nested too deeply. */
export function findJsonMistake(source: string): JsonMistake | undefined {
  const open: ('[' | '{')[] = [];
  let expected: Expected = 'value';
  let at = 0;

  const take = (pattern: RegExp): boolean => {
    pattern.lastIndex = at;
    const found = pattern.exec(source);
    if (found !== null) at += found[0].length;
    return found !== null;
  };
  const wrong = (what: string): JsonMistake => ({
    position: at,
    reason:
      at >= source.length
        ? `the text ends where ${what} was expected`
        : `found ${show(source, at)} where ${what} was expected`,
  });

  for (;;) {
    take(BLANKS);
    const character = source[at];
    const innermost = open.at(-1);
    if (expected === 'end') {
      if (innermost === undefined) return at < source.length ? wrong('the end') : undefined;
      const close = innermost === '[' ? ']' : '}';
      if (character === ',') expected = innermost === '[' ? 'value' : 'key';
      else if (character === close) open.pop();
      else return wrong(`"," or "${close}"`);
      at += 1;
    } else if (expected === ':') {
      if (character !== ':') return wrong('":"');
      expected = 'value';
      at += 1;
    } else if (expected === 'key' || expected === 'key or "}"') {
      if (character === '}' && expected !== 'key') {
        open.pop();
        expected = 'end';
        at += 1;
      } else if (take(STRING)) expected = ':';
      else return wrong('a key in double quotes');
    } else if (character === ']' && expected === 'value or "]"') {
      open.pop();
      expected = 'end';
      at += 1;
    } else if (character === '[' || character === '{') {
      if (open.length === JSON_DEPTH_MAX)
        return wrong(`nothing deeper than ${JSON_DEPTH_MAX} levels`);
      open.push(character);
      expected = character === '[' ? 'value or "]"' : 'key or "}"';
      at += 1;
    } else if (take(STRING) || take(SCALAR)) expected = 'end';
    else return wrong('a value');
  }
}

function show(source: string, at: number): string {
  return JSON.stringify(String.fromCodePoint(source.codePointAt(at) ?? 0));
}
