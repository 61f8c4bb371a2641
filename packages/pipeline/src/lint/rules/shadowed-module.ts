// Variables that hide a module: what is called below them is no longer what it looks like.
import type { LocalVariable } from '../resolve-names.ts';
import type { LintRule } from '../rule.ts';

export const shadowedModule: LintRule = {
  name: 'shadowed-module',
  finds: 'a local variable or parameter with the name of a module',
  check({ names, surface, report }) {
    for (const variable of names.locals) {
      const { name, declaration } = variable;
      if (!surface.modules.has(name) || isTheModule(variable)) continue;
      report(declaration, {
        message: `this "${name}" hides the module "${name}" from here on`,
        hint: 'give the variable another name',
      });
    }
  },
};

/** `local json = json` is a habit, and harmless. */
function isTheModule({ name, initial }: LocalVariable): boolean {
  return initial?.type === 'Identifier' && initial.name === name;
}
