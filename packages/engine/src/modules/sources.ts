// Reads the trusted Lua that completes the modules.
import { readFileSync } from 'node:fs';

/** The Lua source of a module, after the function `reveal` that it may call. */
export function moduleSource(name: string): string {
  return read('reveal') + read(name);
}

function read(name: string): string {
  return readFileSync(new URL(`./lua/${name}.lua`, import.meta.url), 'utf8');
}
