// Comments that silence rules: `-- rivet: ignore unused-result` at the end of a line or above it.
import { nearest } from '@rivet/base';
import type { ParsedSource, SourceComment } from './parse-source.ts';

export interface Silences {
  /** Whether a comment silences the rule on this line. */
  covers(rule: string, line: number): boolean;
  /** Comments that name no known rule, or no rule at all. */
  readonly mistakes: readonly SilenceMistake[];
}

interface SilenceMistake {
  readonly line: number;
  readonly message: string;
  readonly nearest?: string;
}

const DIRECTIVE = /^\s*rivet:\s*(?<verb>[a-z-]*)\s*(?<rules>.*?)\s*$/;

/** Whether comments of a source may say something to the linter. */
export function mayHaveSilences(source: string): boolean {
  return source.includes('rivet:');
}

export function readSilences(source: ParsedSource, rules: readonly string[]): Silences {
  const byLine = new Map<number, Set<string>>();
  const everywhere = new Set<string>();
  const mistakes: SilenceMistake[] = [];
  for (const comment of source.comments) {
    const directive = DIRECTIVE.exec(comment.text)?.groups;
    if (directive === undefined) continue;
    const { verb = '', rules: written = '' } = directive;
    const names = written.split(/[\s,]+/).filter((name) => name !== '');
    const mistake = mistakeOf(verb, names, rules);
    if (mistake !== undefined) mistakes.push({ line: comment.line, ...mistake });
    const target = verb === 'ignore-file' ? everywhere : lineOf(byLine, comment);
    if (verb.startsWith('ignore')) for (const name of names) target.add(name);
  }
  return {
    covers: (rule, line) => everywhere.has(rule) || byLine.get(line)?.has(rule) === true,
    mistakes,
  };
}

/** A comment on a line of its own speaks for the next line. */
function lineOf(
  byLine: Map<number, Set<string>>,
  { line, besideCode }: SourceComment,
): Set<string> {
  const at = besideCode ? line : line + 1;
  const names = byLine.get(at) ?? new Set();
  byLine.set(at, names);
  return names;
}

function mistakeOf(
  verb: string,
  names: readonly string[],
  rules: readonly string[],
): Omit<SilenceMistake, 'line'> | undefined {
  if (verb !== 'ignore' && verb !== 'ignore-file') {
    const near = nearest(verb, ['ignore', 'ignore-file']);
    return {
      message: `"${verb}" is nothing that a rivet comment can say`,
      ...(near === undefined ? {} : { nearest: near }),
    };
  }
  if (names.length === 0) return { message: `the comment names no rule to ${verb}` };
  const unknown = names.find((name) => !rules.includes(name));
  if (unknown === undefined) return undefined;
  const near = nearest(unknown, rules);
  return {
    message: `there is no rule "${unknown}"`,
    ...(near === undefined ? {} : { nearest: near }),
  };
}
