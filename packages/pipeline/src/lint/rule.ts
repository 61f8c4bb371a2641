// What a rule of the linter is, and what it is given.
import type { PipelineDefinition } from '@rivet/protocol';
import type { Node } from 'luaparse';
import type { LuaSurface } from './lua-surface.ts';
import type { ParsedSource } from './parse-source.ts';
import type { ResolvedNames } from './resolve-names.ts';
import { type Call, callOf } from './syntax-tree.ts';

/** What a rule says about a place. */
export interface Finding {
  readonly message: string;
  /** What to do about it. */
  readonly hint: string;
  /** A misspelt name and the names that may have been meant. */
  readonly misspelt?: { readonly name: string; readonly known: Iterable<string> };
}

/** One file of a pipeline as rules see it. */
export interface LintedFile {
  readonly source: ParsedSource;
  readonly names: ResolvedNames;
  readonly calls: readonly GlobalCall[];
  readonly surface: LuaSurface;
  /** Globals that some file of the bundle sets. */
  readonly ownGlobals: ReadonlySet<string>;
  /** Undefined while the definition itself has mistakes. */
  readonly definition: PipelineDefinition | undefined;
  report(node: Node, finding: Finding): void;
}

/** A rule; its name is what comments, `--json` and docs/lint.md call it. */
export interface LintRule {
  readonly name: string;
  /** One sentence on what it finds. */
  readonly finds: string;
  /** Whether it looks at the definition, which is there when the file was evaluated. */
  readonly needsDefinition?: true;
  check(file: LintedFile): void;
}

/** A call of a global function or of a member of a global table, such as `process.run`. */
export interface GlobalCall extends Call {
  readonly name: string;
  readonly node: Node;
}

/** Those among the nodes of a file. */
export function globalCalls(nodes: readonly Node[], names: ResolvedNames): GlobalCall[] {
  return nodes.flatMap((node) => globalCall(node, names) ?? []);
}

/** The one that a node is. */
export function globalCall(node: Node, names: ResolvedNames): GlobalCall | undefined {
  const call = callOf(node);
  if (call?.name === undefined) return undefined;
  const root = call.callee.type === 'MemberExpression' ? call.callee.base : call.callee;
  if (root.type === 'Identifier' && names.variables.has(root)) return undefined;
  return { ...call, name: call.name, node };
}
