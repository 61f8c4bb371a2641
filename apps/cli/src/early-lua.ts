// Starts a Lua process for a command that certainly needs one, before anything else is done: it
// takes longer than all that the command does until it asks for it.
import type { LuaEngine } from '@rivet/lua';
import type { Environment } from './config-file.ts';

/** How many Lua programs these commands run at least. */
export const luaPrograms: ReadonlyMap<string, number> = new Map([
  ['check', 1],
  ['run', 2],
  ['plan', 1],
]);

/** @returns undefined when the command that the words ask for may run no Lua */
export async function openEarly(
  [name = '', ...rest]: readonly string[],
  env: Environment,
): Promise<LuaEngine | undefined> {
  const programs = luaPrograms.get(name);
  // A file, at least, and no question.
  if (programs === undefined || rest.length === 0 || rest.includes('--help')) return undefined;
  const { openLuaEngine } = await import('./lua-engine.ts');
  return openLuaEngine(env, programs);
}
