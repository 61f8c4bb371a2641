// Inputs, secrets and audiences that scripts ask for and the definition does not have.
import type { Node } from 'luaparse';
import type { LintedFile, LintRule } from '../rule.ts';
import { literalText } from '../syntax-tree.ts';

interface Use {
  readonly name: string;
  readonly node: Node;
}

const SECRET_CALLS = new Set(['secret.get', 'secret.file', 'secret.has']);
const ID_TOKEN_CALLS = new Set(['job.id_token']);
const INPUT_CALLS = new Set(['input.get', 'input.require', 'input.has']);

export const undeclaredSecret: LintRule = {
  name: 'undeclared-secret',
  finds: 'a secret that is used and that the definition does not list',
  needsDefinition: true,
  check(file) {
    if (file.definition === undefined) return;
    const { secrets } = file.definition;
    for (const { name, node } of secretUses(file)) {
      if (secrets.includes(name)) continue;
      file.report(node, {
        message: `the secret "${name}" is used but not declared: reading it will fail`,
        hint: `add "${name}" to secrets in the definition`,
        misspelt: { name, known: secrets },
      });
    }
  },
};

export const undeclaredInput: LintRule = {
  name: 'undeclared-input',
  finds: 'an input that is used and that the definition does not have',
  needsDefinition: true,
  check(file) {
    if (file.definition === undefined) return;
    const known = file.definition.inputs.map(({ name }) => name);
    for (const { name, node } of uses(file, INPUT_CALLS)) {
      if (known.includes(name)) continue;
      file.report(node, {
        message: `the pipeline has no input "${name}": nobody can ever give it`,
        hint: `add ${name} to inputs in the definition`,
        misspelt: { name, known },
      });
    }
  },
};

export const undeclaredIdToken: LintRule = {
  name: 'undeclared-id-token',
  finds: 'an audience of job.id_token that the definition does not list',
  needsDefinition: true,
  check(file) {
    if (file.definition === undefined) return;
    const known = file.definition.id_tokens ?? [];
    for (const { name, node } of uses(file, ID_TOKEN_CALLS)) {
      if (known.includes(name)) continue;
      file.report(node, {
        message: `the audience "${name}" is not declared: its token will be refused`,
        hint: `add "${name}" to id_tokens in the definition`,
        misspelt: { name, known },
      });
    }
  },
};

function uses(file: LintedFile, calls: ReadonlySet<string>): Use[] {
  return file.calls.flatMap((call) => {
    const [argument] = call.args;
    if (argument === undefined || !calls.has(call.name)) return [];
    const name = literalText(argument);
    return name === undefined ? [] : [{ name, node: argument }];
  });
}

/** `secret.env` takes a table of names besides. */
function secretUses(file: LintedFile): Use[] {
  const inTables = file.calls.flatMap((call) => {
    const [table] = call.args;
    if (call.name !== 'secret.env' || table?.type !== 'TableConstructorExpression') return [];
    return table.fields.flatMap(({ value }) => {
      const name = literalText(value);
      return name === undefined ? [] : [{ name, node: value }];
    });
  });
  return [...uses(file, SECRET_CALLS), ...inTables];
}
