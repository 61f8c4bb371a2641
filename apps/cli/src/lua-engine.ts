// The Lua engine of a command that certainly needs one: its first process starts while the command
// itself is still being loaded.
import { createLuaEngine, type LuaEngine } from '@rivet/lua';
import type { Environment } from './config-file.ts';

/** @param programs how many Lua programs the command will run, as far as that is known */
export function openLuaEngine(env: Environment, programs: number | undefined): LuaEngine {
  return createLuaEngine({
    useImage: env.RIVET_BUNDLED !== 'off',
    ...(programs === undefined ? {} : { keepReady: programs }),
  });
}
