// Lets what was built load modules when something of them is first used, and in ways that an image
// of V8 knows: there is no loader in it, neither for packages nor for what is imported later.
import { isBuiltin } from 'node:module';
import type { Plugin } from 'rolldown';

const LOADED = /\b(require|import)\(["`]([\w:@/.-]+)["`]\)/g;

/**
 * @param late modules of Node that are loaded when something of them is first used
 * @param whole whether all else is in the one file: packages are looked for from there
 */
export function lateModules(late: readonly string[], whole: boolean): Plugin {
  const loaded = (found: string, how: string, name: string): string => {
    if (how === 'require' && late.includes(name)) return gettersOf(name);
    if (how === 'require' && isBuiltin(name)) return found;
    if (!whole) return found;
    const module = isBuiltin(name) ? builtin(name) : packageOf(name);
    return how === 'require' ? module : `Promise.resolve().then(() => ${module})`;
  };
  return {
    name: 'late-modules',
    generateBundle(_, files) {
      for (const file of Object.values(files)) {
        if (file.type === 'chunk') file.code = file.code.replaceAll(LOADED, loaded);
      }
    },
  };
}

/** An object with all that the module has, which is loaded by whoever reads some of it. */
function gettersOf(name: string): string {
  const keys = Object.keys(process.getBuiltinModule(name) as object);
  return `({ ${keys.map((key) => `get ${key}() { return ${builtin(name)}.${key}; }`).join(', ')} })`;
}

const builtin = (name: string): string => `process.getBuiltinModule(${JSON.stringify(name)})`;

const packageOf = (name: string): string =>
  `${builtin('node:module')}.createRequire(__filename)(${JSON.stringify(name)})`;
