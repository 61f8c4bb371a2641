// What scripts see, asked once when programs are built.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type StoredSurroundings,
  SURROUNDINGS_FILE,
} from '../../apps/cli/src/script-surroundings.ts';
import { coreModules, globalAliases } from '../../packages/engine/src/index.ts';
import { createLuaEngine } from '../../packages/lua/src/index.ts';
import { readLuaSurface, storeSurface } from '../../packages/pipeline/src/index.ts';

/** Writes them where `rivet` looks for them. */
export async function writeSurroundings(directory: string): Promise<void> {
  const given = { modules: coreModules(), globals: globalAliases };
  const lua = createLuaEngine({ keepReady: false });
  try {
    const stored: StoredSurroundings = {
      ...given,
      surface: storeSurface(await readLuaSurface(lua, given)),
    };
    await writeFile(join(directory, SURROUNDINGS_FILE), JSON.stringify(stored));
  } finally {
    await lua.close();
  }
}
