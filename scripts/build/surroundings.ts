// What scripts see, asked once when programs are built.
import type { StoredSurroundings } from '../../apps/cli/src/script-surroundings.ts';
import { coreModules, globalAliases } from '../../packages/engine/src/index.ts';
import { createLuaEngine } from '../../packages/lua/src/index.ts';
import { readLuaSurface, storeSurface } from '../../packages/pipeline/src/index.ts';

export async function readSurroundings(): Promise<StoredSurroundings> {
  const given = { modules: coreModules(), globals: globalAliases };
  const lua = createLuaEngine({ keepReady: false });
  try {
    return { ...given, surface: storeSurface(await readLuaSurface(lua, given)) };
  } finally {
    await lua.close();
  }
}
