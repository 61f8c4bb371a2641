// Commands whose failure goes unnoticed: nobody looks at the exit code, and `check` is not set.
import type { Expression, Node } from 'luaparse';
import type { LocalVariable } from '../resolve-names.ts';
import type { LintedFile, LintRule } from '../rule.ts';
import { tableField, walk } from '../syntax-tree.ts';

/** What of a result says whether the command failed. */
const VERDICTS = new Set(['exit_code', 'timed_out', 'signal']);

export const unusedResult: LintRule = {
  name: 'unused-result',
  finds: 'a `process.run` whose exit code nobody looks at',
  check(file) {
    const unchecked = file.calls.filter(
      ({ name, args }) => name === 'process.run' && !isChecked(args[0]),
    );
    // Most files have none, and need not be looked through for what becomes of them.
    if (unchecked.length === 0) return;
    const statements = statementCalls(file);
    const results = keptResults(file);
    const readings = readingsOf(file);
    for (const { node } of unchecked) {
      if (statements.has(node)) {
        file.report(node, {
          message:
            'nobody looks at the exit code of this command: when it fails, the stage goes on',
          hint: 'add check = true, use process.sh, or look at result.exit_code',
        });
      }
      const kept = results.get(node);
      if (kept !== undefined && !(readings.get(kept) ?? []).some(looksAtVerdict)) {
        file.report(node, {
          message: `"${kept.name}" keeps the result of this command, but nobody looks at its exit code`,
          hint: `look at ${kept.name}.exit_code, or add check = true`,
        });
      }
    }
  },
};

/** Whether a failure raises; options that are not written out here may say so. */
function isChecked(options: Expression | undefined): boolean {
  if (options?.type !== 'TableConstructorExpression') return true;
  const check = tableField(options, 'check');
  return check !== undefined && !(check.type === 'BooleanLiteral' && !check.value);
}

/** The calls that are statements: what they give goes nowhere. */
function statementCalls({ source }: LintedFile): ReadonlySet<Node> {
  return new Set(
    source.nodes.flatMap((node) => (node.type === 'CallStatement' ? [node.expression] : [])),
  );
}

/** The local variables that are set to one value only, by what they are set to. */
function keptResults({ names }: LintedFile): ReadonlyMap<Node | undefined, LocalVariable> {
  const once = names.locals.filter(({ assigned }) => !assigned);
  return new Map(once.map((variable) => [variable.initial, variable]));
}

/** The nodes around each use of a variable. */
function readingsOf(file: LintedFile): ReadonlyMap<LocalVariable, readonly (Node | undefined)[]> {
  const readings = new Map<LocalVariable, (Node | undefined)[]>();
  for (const { node, parent } of walk(file.source.chunk)) {
    if (node.type !== 'Identifier') continue;
    const variable = file.names.variables.get(node);
    if (variable === undefined || variable.declaration === node) continue;
    const around = readings.get(variable);
    if (around === undefined) readings.set(variable, [parent]);
    else around.push(parent);
  }
  return readings;
}

/** A use of one field tells which; anything else may pass the whole result on. */
function looksAtVerdict(around: Node | undefined): boolean {
  return around?.type !== 'MemberExpression' || VERDICTS.has(around.identifier.name);
}
