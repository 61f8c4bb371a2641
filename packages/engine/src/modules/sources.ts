// Reads the trusted Lua that completes the modules.
import { readFileSync } from 'node:fs';

/** Lua that several modules share, put before their own. */
type Part = 'reveal' | 'secret-value';

/** The Lua source of a module, after the parts with the functions that it calls. */
export function moduleSource(name: string, parts: readonly Part[] = ['reveal']): string {
  return [...parts, name].map(read).join('');
}

function read(name: string): string {
  return readFileSync(new URL(`./lua/${name}.lua`, import.meta.url), 'utf8');
}
