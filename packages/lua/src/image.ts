// The image that Lua processes start from: where it is, and how `npm run build` makes it.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findBuild } from '@rivet/base';
import { startProcess } from '@rivet/processes';
import { PROCESS_FLAGS } from './lua-process.ts';
import type { LuaLimits, LuaProgram } from './vm.ts';
import { wireProgram } from './wire/wire-program.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
/** Name of the image's stamp in the build. */
export const LUA_IMAGE = 'lua-image';
/** What an image is made from, below the root of the installation. */
export const LUA_IMAGE_ENTRY = 'packages/lua/src/child/image-main.ts';
const LIMITS: LuaLimits = { cpuMs: 10_000, memoryBytes: 64 * 1024 * 1024 };

/** The image of this installation; undefined when there is none or the sources have changed. */
export function findImage(): string | undefined {
  const build = findBuild(ROOT, LUA_IMAGE);
  return build === undefined ? undefined : join(build, `${LUA_IMAGE}.blob`);
}

/**
 * Makes the image `lua-image.blob` in `directory`.
 * @param script `child/image-main.ts` as one file of JavaScript
 * @param programs what is evaluated once, so that its functions are compiled in the image
 * @throws when Node cannot make it
 */
export async function makeImage(
  script: string,
  programs: readonly LuaProgram[],
  directory: string,
): Promise<void> {
  const rehearsal = join(directory, 'rehearsal.json');
  await writeFile(rehearsal, JSON.stringify(programs.map((one) => wireProgram(one, LIMITS))));
  await takeImage(join(directory, `${LUA_IMAGE}.blob`), script, [rehearsal]);
}

/**
 * Makes an image of a process, as a rule of one with a Lua VM.
 * @param blob the file to write
 * @param script one file of JavaScript, which says what a process does that starts from the image
 * @param flags of Node, which that process must have as well
 * @throws when Node cannot make it
 */
export async function takeImage(
  blob: string,
  script: string,
  args: readonly string[],
  flags: readonly string[] = PROCESS_FLAGS,
): Promise<void> {
  const child = startProcess({
    file: process.execPath,
    args: [...flags, '--snapshot-blob', blob, '--build-snapshot', script, ...args],
    stdin: 'ignore',
    stdout: 'ignore',
  });
  let text = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    text += chunk.toString('utf8');
  });
  const { code, signal, error } = await child.exit;
  if (code === 0) return;
  throw new Error(`the image was not made: ${error?.message ?? signal ?? `code ${code}`}\n${text}`);
}
