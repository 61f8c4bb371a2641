// Reads the type stubs of stubs/: the annotations of a Lua language server that Rivet's stubs use.

export interface StubField {
  readonly name: string;
  readonly optional: boolean;
  readonly type: string;
  readonly text: string;
}

/** A module, an options table, a result: whatever has fields. */
export interface StubClass {
  readonly name: string;
  /** Whether a global variable of this name exists. */
  readonly global: boolean;
  readonly text: string;
  readonly fields: readonly StubField[];
}

export interface StubFunction {
  /** `log.info`, `handle:wait`, `print`. */
  readonly name: string;
  readonly text: string;
  readonly parameters: readonly StubField[];
  readonly returns: readonly string[];
}

export interface Stub {
  /** Name of the file without `.lua`. */
  readonly module: string;
  readonly classes: readonly StubClass[];
  readonly functions: readonly StubFunction[];
  readonly aliases: ReadonlyMap<string, string>;
}

/** @throws Error for a line that is none of the forms that stubs are written in */
export function parseStub(module: string, source: string): Stub {
  const classes: StubClass[] = [];
  const functions: StubFunction[] = [];
  const aliases = new Map<string, string>();
  let block: string[] = [];
  const globals = new Set<string>();

  source.split('\n').forEach((line, index) => {
    if (line.startsWith('---')) {
      block.push(line.slice(3));
      return;
    }
    const declared = /^(?:local )?([\w.:]+) = \{\}$/.exec(line);
    const fn = /^function ([\w.:]+)\(([\w., ]*)\) end$/.exec(line);
    if (fn !== null) functions.push(readFunction(fn[1] ?? '', names(fn[2] ?? ''), block));
    else if (declared !== null && !line.startsWith('local ')) globals.add(declared[1] ?? '');
    else if (line !== '' && declared === null) {
      throw new Error(`stubs/${module}.lua:${index + 1}: not a form that stubs are written in`);
    }
    if (fn === null) readDeclarations(block, classes, aliases);
    block = [];
  });
  return {
    module,
    classes: classes.map((each) => ({ ...each, global: globals.has(each.name) })),
    functions,
    aliases,
  };
}

function names(list: string): string[] {
  return list
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

function readFunction(name: string, parameters: string[], block: readonly string[]): StubFunction {
  const described = block
    .filter((line) => line.startsWith('@param '))
    .map((line) => readField(line));
  const found = described.map((field) => field.name);
  if (found.join() !== parameters.join()) {
    throw new Error(
      `${name}: @param describes (${found.join()}), the function takes (${parameters.join()})`,
    );
  }
  return {
    name,
    text: prose(block),
    parameters: described,
    returns: block.filter((line) => line.startsWith('@return ')).map((line) => line.slice(8)),
  };
}

function readDeclarations(
  block: readonly string[],
  classes: StubClass[],
  aliases: Map<string, string>,
): void {
  const name = block.find((line) => line.startsWith('@class '))?.slice(7);
  if (name !== undefined) {
    const fields = block
      .filter((line) => line.startsWith('@field '))
      .map((line) => readField(line));
    classes.push({ name, global: false, text: prose(block), fields });
  }
  for (const line of block.filter((each) => each.startsWith('@alias '))) {
    const [, alias = '', type = ''] = /^@alias (\w+) (.+)$/.exec(line) ?? [];
    aliases.set(alias, type);
  }
}

function prose(block: readonly string[]): string {
  return block
    .filter((line) => !line.startsWith('@'))
    .join('\n')
    .trim();
}

/**
 * `@param name? type text`, `@field [integer] type text`; a type may hold blanks inside of
 * brackets.
 */
function readField(line: string): StubField {
  const [, name = '', mark, rest = ''] = /^@\w+ (\[\w+\]|[\w.]+)(\?)? (.*)$/.exec(line) ?? [];
  const type = readType(rest);
  return { name, optional: mark === '?', type, text: rest.slice(type.length).trim() };
}

/**
 * The type at the beginning of a text: up to a blank outside of brackets that does not go on with
 * `:` or `,`.
 */
function readType(text: string): string {
  let depth = 0;
  for (let index = 0; index < text.length; index += 1) {
    const character = text[index] ?? '';
    if ('(<{['.includes(character)) depth += 1;
    if (')>}]'.includes(character)) depth -= 1;
    const goesOn = [':', ','].includes(text[index - 1] ?? '');
    if (character === ' ' && depth === 0 && !goesOn) return text.slice(0, index);
  }
  return text;
}
