// The names that a script finds without defining them, to say which one was meant.
import { nearest } from '@rivet/base';
import type { LuaProgram } from './vm.ts';

/** Names of globals, and of what the modules among them have. */
export interface KnownNames {
  readonly globals: readonly string[];
  readonly members: ReadonlyMap<string, readonly string[]>;
}

/** What every script has. A test holds it against a VM. */
export const STANDARD_NAMES: KnownNames = {
  globals: words(
    'assert error getmetatable ipairs load next pairs pcall rawequal rawget rawlen rawset require select setmetatable tonumber tostring type xpcall',
  ),
  members: new Map([
    ['coroutine', words('create isyieldable resume running status wrap yield')],
    ['debug', words('traceback')],
    [
      'math',
      words(
        'abs acos asin atan ceil cos deg exp floor fmod huge log max maxinteger min mininteger modf pi rad random randomseed sin sqrt tan tointeger type ult',
      ),
    ],
    ['os', words('getenv')],
    [
      'string',
      words(
        'byte char find format gmatch gsub len lower match pack packsize rep reverse sub unpack upper',
      ),
    ],
    ['table', words('concat insert move pack remove sort unpack')],
    ['utf8', words('char charpattern codepoint codes len offset')],
  ]),
};

/** How the trusted Lua of a module defines what only Lua implements: `function module.null()`. */
const DEFINED_IN_LUA = /^function \w+\.(\w+)\(/gm;

/** The names of a program: the standard ones, its modules and its aliases. */
export function knownNames(program: Pick<LuaProgram, 'modules' | 'globals'>): KnownNames {
  const members = new Map(STANDARD_NAMES.members);
  for (const { name, functions, fields = {}, facts = {}, source = '' } of program.modules) {
    const inLua = [...source.matchAll(DEFINED_IN_LUA)].map(([, member = '']) => member);
    const values = Object.keys({ ...fields, ...facts });
    const all = [...(members.get(name) ?? []), ...functions, ...values, ...inLua];
    members.set(name, [...new Set(all)]);
  }
  const aliases = Object.keys(program.globals ?? {});
  return { globals: [...STANDARD_NAMES.globals, ...aliases], members };
}

const NIL = /(call|index) a nil value \((field|method|global) '(\w+)'\)/;

/** Which name was meant where one that does not exist was used; undefined when none is near. */
export function meantName(
  message: string,
  sourceLine: string,
  { globals, members }: KnownNames,
): string | undefined {
  const [, action, kind, name = ''] = NIL.exec(message) ?? [];
  if (action === undefined) return undefined;
  if (kind !== 'global') {
    if (action !== 'call') return undefined;
    const module = moduleBefore(name, sourceLine, members);
    if (module === undefined) return undefined;
    const meant = nearest(name, members.get(module) ?? []);
    if (meant === undefined) return undefined;
    return `The module "${module}" has no "${name}": did you mean "${module}.${meant}"?`;
  }
  const owner = [...members].find(([, each]) => each.includes(name))?.[0];
  const meant = owner === undefined ? nearest(name, [...globals, ...members.keys()]) : undefined;
  const found = owner === undefined ? meant : `${owner}.${name}`;
  return found === undefined ? undefined : `There is no "${name}": did you mean "${found}"?`;
}

/** The module whose member `name` stands in a line; undefined when that is not clear. */
function moduleBefore(
  name: string,
  line: string,
  members: KnownNames['members'],
): string | undefined {
  const before = [...line.matchAll(/([A-Za-z_]\w*)\s*[.:]\s*([A-Za-z_]\w*)/g)]
    .filter(([, , member]) => member === name)
    .map(([, module = '']) => module);
  const [module] = before;
  const clear = new Set(before).size === 1;
  // A local variable may have the name of a module, but not of one that has this function.
  return clear && module !== undefined && members.get(module)?.includes(name) === false
    ? module
    : undefined;
}

function words(text: string): readonly string[] {
  return text.split(' ');
}
