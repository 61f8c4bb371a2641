// One component of a glob pattern: `*`, `?`, `[a-z]` and plain text, matched without backtracking.

/** Part of a segment that matches one character; `star` matches any number of any. */
type Token =
  | { readonly kind: 'star' }
  | { readonly kind: 'any' }
  | { readonly kind: 'text'; readonly character: string }
  | { readonly kind: 'set'; readonly negated: boolean; readonly ranges: readonly Range[] };

/** Code points, both ends included. */
type Range = readonly [from: number, to: number];

export interface Segment {
  readonly tokens: readonly Token[];
  /** Whether it may match a name that begins with a dot, because it says so itself. */
  readonly hidden: boolean;
}

/** A pattern that cannot be read; the message says why. */
export class PatternMistake extends Error {}

/** @throws PatternMistake */
export function readSegment(text: string): Segment {
  const characters = [...text];
  const tokens: Token[] = [];
  for (let at = 0; at < characters.length; at += 1) {
    const character = characters[at] ?? '';
    if (character === '*') {
      if (tokens.at(-1)?.kind !== 'star') tokens.push({ kind: 'star' });
    } else if (character === '?') tokens.push({ kind: 'any' });
    else if (character === '[') {
      const { token, end } = readSet(characters, at);
      tokens.push(token);
      at = end;
    } else if (character === '\\') {
      at += 1;
      const escaped = characters[at];
      if (escaped === undefined) throw new PatternMistake('nothing follows the last "\\"');
      tokens.push({ kind: 'text', character: escaped });
    } else tokens.push({ kind: 'text', character });
  }
  const [first] = tokens;
  return { tokens, hidden: first?.kind === 'text' && first.character === '.' };
}

/** Reads `[a-z]` that begins at `start`; `end` is its last character. */
function readSet(characters: readonly string[], start: number): { token: Token; end: number } {
  let at = start + 1;
  const negated = characters[at] === '!' || characters[at] === '^';
  if (negated) at += 1;
  const ranges: Range[] = [];
  const take = (): number => {
    if (characters[at] === '\\') at += 1;
    const point = characters[at]?.codePointAt(0);
    if (point === undefined) throw new PatternMistake('a "[" has no "]"');
    at += 1;
    return point;
  };
  // A "]" that comes first stands for itself.
  do {
    const from = take();
    const range = characters[at] === '-' && (characters[at + 1] ?? ']') !== ']';
    if (range) at += 1;
    const to = range ? take() : from;
    if (to < from) throw new PatternMistake('a range in "[…]" goes backwards');
    ranges.push([from, to]);
  } while (characters[at] !== ']' && at < characters.length);
  if (characters[at] !== ']') throw new PatternMistake('a "[" has no "]"');
  return { token: { kind: 'set', negated, ranges }, end: at };
}

/**
 * Whether a name matches: at most length of the name times length of the segment steps, for only
 * the last star is ever tried again.
 */
export function matchesSegment({ tokens }: Segment, name: readonly string[]): boolean {
  let at = 0;
  let token = 0;
  let star = -1;
  let resume = 0;
  while (at < name.length) {
    const current = tokens[token];
    if (current?.kind === 'star') {
      star = token;
      resume = at;
      token += 1;
    } else if (current !== undefined && matchesCharacter(current, name[at] ?? '')) {
      token += 1;
      at += 1;
    } else if (star >= 0) {
      resume += 1;
      at = resume;
      token = star + 1;
    } else return false;
  }
  while (tokens[token]?.kind === 'star') token += 1;
  return token === tokens.length;
}

function matchesCharacter(token: Token, character: string): boolean {
  if (token.kind === 'text') return token.character === character;
  if (token.kind !== 'set') return true;
  const point = character.codePointAt(0) ?? 0;
  return token.ranges.some(([from, to]) => point >= from && point <= to) !== token.negated;
}
