// Looks through the files of a pipeline for what is no mistake to Lua and one to its author.
import { nearest } from '@rivet/base';
import type { PipelineBundle, PipelineDefinition } from '@rivet/protocol';
import type { Node } from 'luaparse';
import type { LuaSurface } from './lua-surface.ts';
import { type ParsedSource, parseSource, positionOf } from './parse-source.ts';
import { type ResolvedNames, resolveNames } from './resolve-names.ts';
import {
  type Finding,
  type GlobalCall,
  globalCalls,
  type LintedFile,
  type LintRule,
} from './rule.ts';
import { lintRules } from './rules.ts';
import { mayHaveSilences, readSilences } from './silences.ts';

/** Something that works and is probably not meant. */
export interface LintWarning {
  /** The name of the rule: a heading of docs/lint.md. */
  readonly rule: string;
  readonly message: string;
  /** What to do about it. */
  readonly hint: string;
  /** The known name that may have been meant. */
  readonly nearest?: string;
  readonly file: string;
  /** Line and column count from 1, in characters. */
  readonly line: number;
  readonly column?: number;
  readonly source_line: string;
}

const WARNINGS_MAX = 200;

/** Silences that say nothing that can be followed. */
const SILENCE_RULE = 'unknown-silence';

/** The names of all rules, in the order of docs/lint.md. */
export const lintRuleNames: readonly string[] = [
  ...lintRules.map(({ name }) => name),
  SILENCE_RULE,
];

/** Of two warnings about one place, that of the rule that stands first. */
const RULE_ORDER = new Map(lintRules.map(({ name }, at) => [name, at]));

export interface LintOptions {
  readonly surface: LuaSurface;
  /** Undefined while the definition itself has mistakes: what needs it is not looked at then. */
  readonly definition: PipelineDefinition | undefined;
}

/** Gives the warnings by file and line, at most 200. */
export type FinishLint = (definition: PipelineDefinition | undefined) => LintWarning[];

/**
 * Reads the files of a bundle and looks for all that can be seen without their definition, so that
 * this happens while they are evaluated elsewhere. Files of plugins are their authors' business,
 * and files with a syntax error are left to `checkPipeline`.
 */
export function startLint(bundle: PipelineBundle, surface: LuaSurface): FinishLint {
  const files = Object.entries(bundle.files)
    .filter(([path]) => !path.startsWith('plugins/'))
    .flatMap(([path, text]) => parseFile(path, text, false) ?? []);
  const ownGlobals = new Set(files.flatMap(({ names }) => names.globalWrites.map(nameOf)));
  const started = files.map((file) => lintFile(file, { surface, ownGlobals }));
  return (definition) => started.flatMap((finish) => finish(definition)).slice(0, WARNINGS_MAX);
}

/** `startLint` and what it gives. */
export function lintBundle(
  bundle: PipelineBundle,
  { surface, definition }: LintOptions,
): LintWarning[] {
  return startLint(bundle, surface)(definition);
}

function nameOf({ name }: { readonly name: string }): string {
  return name;
}

/** A file that Lua can read. */
interface ParsedFile {
  readonly text: string;
  readonly source: ParsedSource;
  readonly names: ResolvedNames;
  readonly calls: readonly GlobalCall[];
}

function parseFile(path: string, text: string, withPlaces: boolean): ParsedFile | undefined {
  const source = parseSource(path, text, withPlaces);
  if (source === undefined) return undefined;
  const names = resolveNames(source.chunk);
  return { text, source, names, calls: globalCalls(source.nodes, names) };
}

type Surroundings = Pick<LintedFile, 'surface' | 'ownGlobals'>;

const RULES = {
  now: lintRules.filter(({ needsDefinition }) => needsDefinition === undefined),
  later: lintRules.filter(({ needsDefinition }) => needsDefinition),
};

/** Most files have nothing to be warned of: where things are is only found out when it is told. */
function lintFile(file: ParsedFile, surroundings: Surroundings): FinishLint {
  const { text, source } = file;
  const finds = (
    rules: readonly LintRule[],
    definition: PipelineDefinition | undefined,
  ): boolean => {
    let found = false;
    const report = (): void => {
      found = true;
    };
    for (const rule of rules) rule.check({ ...file, ...surroundings, definition, report });
    return found;
  };
  const locate = (): FinishLint => {
    const located = parseFile(source.file, text, true);
    return located === undefined ? () => [] : warnOf(located, surroundings);
  };
  if (mayHaveSilences(text) || finds(RULES.now, undefined)) return locate();
  return (definition) => (finds(RULES.later, definition) ? locate()(definition) : []);
}

function warnOf(file: ParsedFile, surroundings: Surroundings): FinishLint {
  const { source } = file;
  const silences = readSilences(source, lintRuleNames);
  const warnings: LintWarning[] = silences.mistakes.map((mistake) => ({
    rule: SILENCE_RULE,
    message: mistake.message,
    hint: 'write "-- rivet: ignore unused-result" above the line or at its end',
    ...(mistake.nearest === undefined ? {} : { nearest: mistake.nearest }),
    ...placeOf(source, { line: mistake.line }),
  }));
  const check = (rule: LintRule, definition: PipelineDefinition | undefined): void => {
    const report = (node: Node, finding: Finding): void => {
      const position = positionOf(source, node);
      if (position === undefined || silences.covers(rule.name, position.line)) return;
      warnings.push({ rule: rule.name, ...warningOf(finding), ...placeOf(source, position) });
    };
    rule.check({ ...file, ...surroundings, definition, report });
  };
  for (const rule of RULES.now) check(rule, undefined);
  return (definition) => {
    for (const rule of RULES.later) check(rule, definition);
    const order = (warning: LintWarning): number => RULE_ORDER.get(warning.rule) ?? -1;
    return warnings.sort(
      (a, b) => a.line - b.line || (a.column ?? 0) - (b.column ?? 0) || order(a) - order(b),
    );
  };
}

function warningOf({
  message,
  hint,
  misspelt,
}: Finding): Pick<LintWarning, 'message' | 'hint' | 'nearest'> {
  const near = misspelt === undefined ? undefined : nearest(misspelt.name, misspelt.known);
  return { message, hint, ...(near === undefined ? {} : { nearest: near }) };
}

function placeOf(
  source: ParsedSource,
  { line, column }: { line: number; column?: number },
): Pick<LintWarning, 'file' | 'line' | 'column' | 'source_line'> {
  return {
    file: source.file,
    line,
    ...(column === undefined ? {} : { column }),
    source_line: source.lines[line - 1] ?? '',
  };
}
