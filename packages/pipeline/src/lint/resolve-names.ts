// Which variable each name of a Lua source means: a local one, or a global.
import type { Chunk, Expression, FunctionDeclaration, Identifier, Node, Statement } from 'luaparse';
import { childrenOf } from './syntax-tree.ts';

/** A local variable, a parameter, a variable of a loop. */
export interface LocalVariable {
  readonly name: string;
  readonly declaration: Identifier;
  /** What `local x = …` sets it to; undefined for others, and where one call sets several. */
  readonly initial: Expression | undefined;
  /** How often its value is used. */
  reads: number;
  /** Whether it is set again after its declaration. */
  assigned: boolean;
}

export interface ResolvedNames {
  readonly locals: readonly LocalVariable[];
  /** The local variable that an identifier means; the others are global. */
  readonly variables: ReadonlyMap<Identifier, LocalVariable>;
  readonly globalReads: readonly Identifier[];
  readonly globalWrites: readonly Identifier[];
}

export function resolveNames(chunk: Chunk): ResolvedNames {
  const resolver = new Resolver();
  resolver.block(chunk.body);
  return resolver;
}

type Scope = Map<string, LocalVariable>;

class Resolver implements ResolvedNames {
  readonly locals: LocalVariable[] = [];
  readonly variables = new Map<Identifier, LocalVariable>();
  readonly globalReads: Identifier[] = [];
  readonly globalWrites: Identifier[] = [];
  readonly #scopes: Scope[] = [];

  /** @param declare declares what the block itself brings, such as parameters */
  block(body: readonly Statement[], declare?: () => void, last?: () => void): void {
    this.#scopes.push(new Map());
    declare?.();
    for (const statement of body) this.#statement(statement);
    last?.();
    this.#scopes.pop();
  }

  #statement(node: Statement): void {
    switch (node.type) {
      case 'LocalStatement': {
        for (const value of node.init) this.#expression(value);
        const alone = node.variables.length === node.init.length;
        node.variables.forEach((name, at) => {
          this.#declare(name, alone ? node.init[at] : undefined);
        });
        return;
      }
      case 'AssignmentStatement':
        for (const value of node.init) this.#expression(value);
        for (const target of node.variables) this.#target(target);
        return;
      case 'FunctionDeclaration':
        this.#namedFunction(node);
        return;
      case 'ForNumericStatement':
        for (const bound of [node.start, node.end, node.step]) if (bound) this.#expression(bound);
        this.block(node.body, () => this.#declare(node.variable));
        return;
      case 'ForGenericStatement':
        for (const iterator of node.iterators) this.#expression(iterator);
        this.block(node.body, () => {
          for (const name of node.variables) this.#declare(name);
        });
        return;
      case 'RepeatStatement':
        // Lua's condition sees the locals of the body.
        this.block(node.body, undefined, () => this.#expression(node.condition));
        return;
      case 'IfStatement':
        for (const clause of node.clauses) {
          if ('condition' in clause) this.#expression(clause.condition);
          this.block(clause.body);
        }
        return;
      case 'WhileStatement':
        this.#expression(node.condition);
        this.block(node.body);
        return;
      case 'DoStatement':
        this.block(node.body);
        return;
      case 'LabelStatement':
      case 'GotoStatement':
      case 'BreakStatement':
        return;
      default:
        for (const child of childrenOf(node)) this.#expression(child);
    }
  }

  #expression(root: Node): void {
    // A loop rather than recursion: a sum of ten thousand terms is as many levels deep.
    const open: Node[] = [root];
    for (let node = open.pop(); node !== undefined; node = open.pop()) {
      if (node.type === 'Identifier') this.#read(node);
      else if (node.type === 'FunctionDeclaration') this.#functionBody(node);
      else if (node.type === 'MemberExpression') open.push(node.base);
      else if (node.type === 'TableKeyString') open.push(node.value);
      else open.push(...childrenOf(node).reverse());
    }
  }

  #namedFunction(node: FunctionDeclaration): void {
    const { identifier } = node;
    if (identifier?.type === 'Identifier' && node.isLocal) this.#declare(identifier, node);
    else if (identifier !== null) this.#target(identifier);
    this.#functionBody(node);
  }

  #functionBody(node: FunctionDeclaration): void {
    const { identifier } = node;
    const isMethod = identifier?.type === 'MemberExpression' && identifier.indexer === ':';
    this.block(node.body, () => {
      if (isMethod) this.#declareSelf(node);
      for (const parameter of node.parameters) {
        if (parameter.type === 'Identifier') this.#declare(parameter);
      }
    });
  }

  #declareSelf(node: FunctionDeclaration): void {
    const self: Identifier = { type: 'Identifier', name: 'self', loc: node.loc };
    this.#declare(self);
  }

  #declare(declaration: Identifier, initial?: Expression): void {
    const { name } = declaration;
    const variable = { name, declaration, initial, reads: 0, assigned: false };
    this.locals.push(variable);
    this.variables.set(declaration, variable);
    this.#scopes.at(-1)?.set(name, variable);
  }

  #target(target: Node): void {
    if (target.type !== 'Identifier') {
      this.#expression(target);
      return;
    }
    const variable = this.#find(target.name);
    if (variable === undefined) this.globalWrites.push(target);
    else {
      variable.assigned = true;
      this.variables.set(target, variable);
    }
  }

  #read(identifier: Identifier): void {
    const variable = this.#find(identifier.name);
    if (variable === undefined) this.globalReads.push(identifier);
    else {
      variable.reads += 1;
      this.variables.set(identifier, variable);
    }
  }

  #find(name: string): LocalVariable | undefined {
    return this.#scopes.findLast((scope) => scope.has(name))?.get(name);
  }
}
