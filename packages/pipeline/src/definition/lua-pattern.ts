// Finds mistakes in a Lua pattern without running it: Lua itself reports them only when a match
// gets there.

const CAPTURES_MAX = 32;

/** What is wrong with the pattern, as the end of "the pattern …"; undefined when nothing is. */
export function luaPatternProblem(pattern: string): string | undefined {
  const scan: Scan = { pattern, at: pattern.startsWith('^') ? 1 : 0, open: [], captures: 0 };
  while (scan.at < pattern.length) {
    const problem = scanItem(scan);
    if (problem !== undefined) return problem;
  }
  return scan.open.length > 0 ? 'has a "(" without its ")"' : undefined;
}

interface Scan {
  readonly pattern: string;
  at: number;
  /** Numbers of the captures that are open. */
  readonly open: number[];
  captures: number;
}

function scanItem(scan: Scan): string | undefined {
  const character = scan.pattern[scan.at];
  scan.at += 1;
  if (character === '%') return scanEscape(scan);
  if (character === '[') return scanSet(scan);
  if (character === '(') {
    scan.captures += 1;
    scan.open.push(scan.captures);
    return scan.captures > CAPTURES_MAX ? `has more than ${CAPTURES_MAX} captures` : undefined;
  }
  if (character === ')') {
    return scan.open.pop() === undefined ? 'has a ")" without its "("' : undefined;
  }
  return undefined;
}

function scanEscape(scan: Scan): string | undefined {
  const { pattern } = scan;
  const character = pattern[scan.at];
  scan.at += 1;
  if (character === undefined) return 'ends with "%"';
  if (character === 'b') {
    scan.at += 2;
    return scan.at > pattern.length ? 'has "%b" without two characters after it' : undefined;
  }
  if (character === 'f') {
    if (pattern[scan.at] !== '[') return 'has "%f" without a "[" after it';
    scan.at += 1;
    return scanSet(scan);
  }
  if (!/\d/.test(character)) return undefined;
  const reference = Number(character);
  const closed = reference >= 1 && reference <= scan.captures && !scan.open.includes(reference);
  return closed ? undefined : `has "%${character}", which is no capture that ended before it`;
}

/** Scans behind the `]`; a `]` that comes first stands for itself. */
function scanSet(scan: Scan): string | undefined {
  const { pattern } = scan;
  if (pattern[scan.at] === '^') scan.at += 1;
  for (let first = true; ; first = false) {
    const character = pattern[scan.at];
    scan.at += 1;
    if (character === undefined) return 'has a "[" without its "]"';
    if (character === ']' && !first) return undefined;
    if (character === '%') {
      if (scan.at >= pattern.length) return 'ends with "%"';
      scan.at += 1;
    }
  }
}
