// Commands whose failure goes unnoticed: nobody looks at the exit code, and `check` is not set.
import type { Expression, Node } from 'luaparse';
import type { LocalVariable } from '../resolve-names.ts';
import { globalCall, type LintedFile, type LintRule } from '../rule.ts';
import { tableField, walk } from '../syntax-tree.ts';

/** What of a result says whether the command failed. */
const VERDICTS = new Set(['exit_code', 'timed_out', 'signal']);

export const unusedResult: LintRule = {
  name: 'unused-result',
  finds: 'a `process.run` whose exit code nobody looks at',
  check(file) {
    const readings = readingsOf(file);
    for (const { node, parent } of walk(file.source.chunk)) {
      const call = globalCall(file, node);
      if (call?.name !== 'process.run' || isChecked(call.args[0])) continue;
      if (parent?.type === 'CallStatement') {
        file.report(node, {
          message:
            'nobody looks at the exit code of this command: when it fails, the stage goes on',
          hint: 'add check = true, use process.sh, or look at result.exit_code',
        });
      }
      const kept = keptIn(file, node);
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

/** The local variable that a call's result goes to, unless that is set elsewhere too. */
function keptIn(file: LintedFile, call: Node): LocalVariable | undefined {
  return file.names.locals.find(({ initial, assigned }) => initial === call && !assigned);
}

/** The nodes around each use of a variable. */
function readingsOf(file: LintedFile): ReadonlyMap<LocalVariable, readonly (Node | undefined)[]> {
  const readings = new Map<LocalVariable, (Node | undefined)[]>();
  for (const { node, parent } of walk(file.source.chunk)) {
    if (node.type !== 'Identifier') continue;
    const variable = file.names.variables.get(node);
    if (variable === undefined || variable.declaration === node) continue;
    readings.set(variable, [...(readings.get(variable) ?? []), parent]);
  }
  return readings;
}

/** A use of one field tells which; anything else may pass the whole result on. */
function looksAtVerdict(around: Node | undefined): boolean {
  return around?.type !== 'MemberExpression' || VERDICTS.has(around.identifier.name);
}
