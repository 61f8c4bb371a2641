// Stages that can never run, because their condition says no whatever happens.
import type { Expression, FunctionDeclaration } from 'luaparse';
import type { LintRule } from '../rule.ts';
import { literalText, tableField, walk } from '../syntax-tree.ts';

export const unreachableStage: LintRule = {
  name: 'unreachable-stage',
  finds: 'a stage whose condition is never true',
  check({ source, report }) {
    for (const node of source.nodes) {
      if (node.type !== 'TableConstructorExpression') continue;
      const condition = tableField(node, 'condition');
      if (condition?.type !== 'FunctionDeclaration' || !isNeverTrue(condition)) continue;
      const name = literalText(tableField(node, 'name'));
      report(condition, {
        message: `the stage ${name === undefined ? '' : `"${name}" `}never runs: its condition is never true`,
        hint: 'return the decision, or delete the stage',
      });
    }
  },
};

function isNeverTrue({ body }: FunctionDeclaration): boolean {
  const [first] = body;
  if (first === undefined) return true;
  if (first.type === 'ReturnStatement') {
    const [value] = first.arguments;
    return value === undefined || isFalse(value);
  }
  // Without a return anywhere it returns nil.
  return !body.some((statement) => hasReturn(statement));
}

function hasReturn(statement: FunctionDeclaration['body'][number]): boolean {
  // One of a function within counts too: rather silent than wrong.
  return walk(statement).some(({ node }) => node.type === 'ReturnStatement');
}

function isFalse(value: Expression): boolean {
  if (value.type === 'NilLiteral') return true;
  if (value.type === 'BooleanLiteral') return !value.value;
  if (value.type === 'LogicalExpression' && value.operator === 'and') {
    return isFalse(value.left) || isFalse(value.right);
  }
  if (value.type === 'UnaryExpression' && value.operator === 'not') {
    const { argument } = value;
    return (
      (argument.type === 'BooleanLiteral' && argument.value) ||
      argument.type === 'StringLiteral' ||
      argument.type === 'NumericLiteral'
    );
  }
  return false;
}
