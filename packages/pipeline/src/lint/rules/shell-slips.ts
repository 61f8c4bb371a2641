// Commands that do not do what they look like: one word with spaces, values spliced into a script.
import type { InputDefinition } from '@rivet/protocol';
import type { Expression, Node } from 'luaparse';
import { globalCall, type LintedFile, type LintRule } from '../rule.ts';
import { literalText, tableField, tableItems, walk } from '../syntax-tree.ts';

export const oneWordCommand: LintRule = {
  name: 'one-word-command',
  finds: 'a command line that is given as the name of a program',
  check(file) {
    for (const { name, args } of file.calls) {
      if (name !== 'process.run' && name !== 'process.spawn') continue;
      const [options] = args;
      const line = literalText(options);
      if (options !== undefined && line !== undefined) {
        const message = `${name} takes the command as a list, not as text: this call fails`;
        file.report(options, { message, hint: instead(line) });
      }
      if (options?.type !== 'TableConstructorExpression') continue;
      const items = tableItems(options);
      const command = tableField(options, 'cmd') ?? items[0];
      const text = literalText(command);
      if (command === undefined || text === undefined || !/\S\s+\S/.test(text)) continue;
      const alone = items.length < 2 && tableField(options, 'args') === undefined;
      if (!alone) continue;
      file.report(command, {
        message: `there is no program called "${text}": a command is its name and its arguments, apart`,
        hint: instead(text),
      });
    }
  },
};

/** How a command line is written. */
function instead(text: string): string {
  if (/[|&;<>$`*]/.test(text)) return `a shell reads this: process.sh("${text}")`;
  const words = text.trim().split(/\s+/);
  return `write { ${words.map((word) => `"${word}"`).join(', ')} }`;
}

/** Modules whose values come from people. */
const FOREIGN = new Set(['input', 'secret']);

export const splicedShell: LintRule = {
  name: 'spliced-shell',
  finds: 'an input or a secret that becomes part of the text of a shell script',
  needsDefinition: true,
  check(file) {
    for (const { name, args } of file.calls) {
      const [script] = args;
      if (name !== 'process.sh' || script === undefined || literalText(script)) continue;
      const foreign = foreignPart(file, script);
      if (foreign === undefined) continue;
      file.report(foreign, {
        message: 'this value becomes part of the script: the shell runs whatever it says',
        hint: 'pass it as a variable: process.sh("… \\"$NAME\\" …", { env = { NAME = … } })',
      });
    }
  },
};

/** The part of a text that a person can choose: a call of `input`, or a local that holds one. */
function foreignPart(file: LintedFile, script: Expression): Node | undefined {
  for (const { node } of walk(script)) {
    if (isForeign(file, node)) return node;
    if (node.type !== 'Identifier') continue;
    const initial = file.names.variables.get(node)?.initial;
    if (initial !== undefined && isForeign(file, initial)) return node;
  }
  return undefined;
}

function isForeign(file: LintedFile, node: Node): boolean {
  const call = globalCall(node, file.names);
  const [module = '', fn] = call?.name.split('.') ?? [];
  if (call === undefined || fn === undefined || !FOREIGN.has(module)) return false;
  const name = literalText(call.args[0]);
  const input = file.definition?.inputs.find((known) => module === 'input' && known.name === name);
  return input === undefined || !isHarmless(input);
}

/** An input whose values the author has chosen, or that cannot be more than a number. */
function isHarmless({ type, options }: InputDefinition): boolean {
  return type === 'number' || type === 'bool' || options !== undefined;
}
