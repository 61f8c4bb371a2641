// Glob patterns: `src/**/*.{c,h}` against paths, one component at a time, so that a walk knows
// which directories it need not enter.
import { matchesSegment, PatternMistake, readSegment, type Segment } from './glob-segment.ts';

/** `**`: any number of directories, none among them. */
const DEEP = Symbol('**');

type Step = Segment | typeof DEEP;

const PATTERN_LENGTH_MAX = 4096;
const ALTERNATIVES_MAX = 256;

/** How far a path has come in a set of patterns. */
export interface GlobState {
  /** Whether the path matches as it is. */
  readonly matched: boolean;
  /** Whether something below it may match. */
  readonly open: boolean;
  enter(name: string): GlobState;
}

/**
 * @param hidden whether `*`, `?` and `**` match names that begin with a dot
 * @throws PatternMistake
 */
export function compileGlobs(patterns: readonly string[], hidden: boolean): GlobState {
  const steps = patterns.flatMap(expandBraces).map(readSteps);
  return stateOf(
    steps.map((pattern) => ({ pattern, at: 0 })),
    hidden,
  );
}

interface Position {
  readonly pattern: readonly Step[];
  readonly at: number;
}

function stateOf(positions: readonly Position[], hidden: boolean): GlobState {
  const all = positions.flatMap(withSkipped);
  return {
    matched: all.some(({ pattern, at }) => at === pattern.length),
    open: all.some(({ pattern, at }) => at < pattern.length),
    enter(name) {
      const characters = [...name];
      const isHidden = name.startsWith('.');
      const next = new Map<readonly Step[], Set<number>>();
      for (const { pattern, at } of all) {
        const step = pattern[at];
        if (step === undefined) continue;
        if (isHidden && !hidden && (step === DEEP || !step.hidden)) continue;
        if (step !== DEEP && !matchesSegment(step, characters)) continue;
        const reached = next.get(pattern) ?? new Set();
        next.set(pattern, reached.add(step === DEEP ? at : at + 1));
      }
      const entered = [...next].flatMap(([pattern, reached]) =>
        [...reached].map((at) => ({ pattern, at })),
      );
      return stateOf(entered, hidden);
    },
  };
}

/** `**` may stand for nothing. */
function withSkipped({ pattern, at }: Position): Position[] {
  return pattern[at] === DEEP
    ? [
        { pattern, at },
        { pattern, at: at + 1 },
      ]
    : [{ pattern, at }];
}

function readSteps(pattern: string): Step[] {
  const parts = pattern.split('/').filter((part) => part !== '' && part !== '.');
  if (pattern.startsWith('/')) {
    if (parts[0] !== 'workspace') throw new PatternMistake('it leaves /workspace');
    parts.shift();
  }
  if (parts.includes('..')) throw new PatternMistake('".." cannot be part of a pattern');
  return parts
    .map((part) => (part === '**' ? DEEP : readSegment(part)))
    .filter((step, index, steps) => step !== DEEP || steps[index - 1] !== DEEP);
}

/** `a{b,c}d` → `abd`, `acd`; braces may stand in braces. */
function expandBraces(pattern: string): string[] {
  if (pattern === '') throw new PatternMistake('it is empty');
  if (pattern.length > PATTERN_LENGTH_MAX) {
    throw new PatternMistake(`it is longer than ${PATTERN_LENGTH_MAX} characters`);
  }
  const done: string[] = [];
  const pending = [pattern];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const braces = findBraces(next);
    if (braces === undefined) done.push(next);
    else {
      const { before, alternatives, after } = braces;
      pending.push(...alternatives.map((each) => before + each + after).reverse());
    }
    if (done.length + pending.length > ALTERNATIVES_MAX) {
      throw new PatternMistake(`its braces stand for more than ${ALTERNATIVES_MAX} patterns`);
    }
  }
  return done;
}

interface Braces {
  readonly before: string;
  readonly alternatives: readonly string[];
  readonly after: string;
}

/** The first braces of a pattern, outside of `[…]` and not escaped. */
function findBraces(pattern: string): Braces | undefined {
  const commas: number[] = [];
  let depth = 0;
  let start = -1;
  for (let at = 0; at < pattern.length; at += 1) {
    const character = pattern[at];
    if (character === '\\') at += 1;
    else if (character === '[') at = setEnd(pattern, at);
    else if (character === '{') {
      if (depth === 0) start = at;
      depth += 1;
    } else if (character === ',' && depth === 1) commas.push(at);
    else if (character === '}' && depth > 0) {
      depth -= 1;
      if (depth > 0) continue;
      const cuts = [start, ...commas, at];
      return {
        before: pattern.slice(0, start),
        alternatives: cuts.slice(1).map((end, index) => pattern.slice((cuts[index] ?? 0) + 1, end)),
        after: pattern.slice(at + 1),
      };
    }
  }
  if (depth > 0) throw new PatternMistake('a "{" has no "}"');
  return undefined;
}

/** Where the `]` of a `[` stands; the `[` itself when there is none. */
function setEnd(pattern: string, start: number): number {
  const first = /^\[[!^]?(?:\\.|[^\\])/su.exec(pattern.slice(start))?.[0].length ?? 1;
  const end = pattern.indexOf(']', start + first);
  return end === -1 ? start : end;
}
