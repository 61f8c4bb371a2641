// Ways to walk a Lua syntax tree and to ask what a node says.
import type { Expression, Node, TableConstructorExpression } from 'luaparse';
import { textOf } from './parse-source.ts';

/** The nodes right below a node, in the order of the source. */
export function childrenOf(node: Node): Node[] {
  const children: Node[] = [];
  for (const key in node) {
    const value: unknown = node[key as keyof Node];
    if (typeof value !== 'object' || value === null || key === 'comments') continue;
    if (!Array.isArray(value)) {
      if (isNode(value)) children.push(value);
      continue;
    }
    for (const item of value) if (isNode(item)) children.push(item);
  }
  return children;
}

/** Places are objects too. */
function isNode(value: object): value is Node {
  return 'type' in value;
}

/** A node and what it stands in. */
export interface WalkedNode {
  readonly node: Node;
  readonly parent: Node | undefined;
}

/** Every node of a tree, parents first, with what it stands in. */
export function walk(root: Node): readonly WalkedNode[] {
  const all: WalkedNode[] = [];
  const open: WalkedNode[] = [{ node: root, parent: undefined }];
  for (let item = open.pop(); item !== undefined; item = open.pop()) {
    all.push(item);
    const { node } = item;
    for (const child of childrenOf(node).reverse()) open.push({ node: child, parent: node });
  }
  return all;
}

/** A call in any of its three forms: `f(x)`, `f{…}`, `f"…"`. */
export interface Call {
  /** `process.run`, `secret.get`, `require`; undefined when what is called has no such name. */
  readonly name: string | undefined;
  readonly callee: Expression;
  readonly args: readonly Expression[];
}

export function callOf(node: Node): Call | undefined {
  switch (node.type) {
    case 'CallExpression':
      return { name: dottedName(node.base), callee: node.base, args: node.arguments };
    case 'TableCallExpression':
      return { name: dottedName(node.base), callee: node.base, args: tableArguments(node) };
    case 'StringCallExpression':
      return { name: dottedName(node.base), callee: node.base, args: [node.argument] };
    default:
      return undefined;
  }
}

/** The library calls the one argument `arguments` here, against its types and its page. */
function tableArguments(node: object): Expression[] {
  const { arguments: given } = node as { readonly arguments?: Expression | Expression[] };
  return given === undefined ? [] : [given].flat();
}

/** `a` or `a.b`, whatever `a` is; undefined for all other expressions. */
function dottedName(node: Expression): string | undefined {
  if (node.type === 'Identifier') return node.name;
  if (node.type !== 'MemberExpression' || node.indexer !== '.') return undefined;
  return node.base.type === 'Identifier' ? `${node.base.name}.${node.identifier.name}` : undefined;
}

/** The text of a string literal. */
export function literalText(node: Node | undefined): string | undefined {
  return node?.type === 'StringLiteral' ? textOf(node.value) : undefined;
}

/** A field `key = value` of a table constructor. */
export function tableField(
  table: TableConstructorExpression,
  name: string,
): Expression | undefined {
  for (const field of table.fields) {
    if (field.type === 'TableKeyString' && field.key.name === name) return field.value;
    if (field.type === 'TableKey' && literalText(field.key) === name) return field.value;
  }
  return undefined;
}

/** The items without a key. */
export function tableItems(table: TableConstructorExpression): Expression[] {
  return table.fields.flatMap((field) => (field.type === 'TableValue' ? [field.value] : []));
}
