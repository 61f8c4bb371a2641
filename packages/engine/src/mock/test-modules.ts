// The modules that a test file sees in place of those of a pipeline.
import { readFileSync } from 'node:fs';
import type { LuaModuleSpec } from '@rivet/lua';

/** In their order: each uses what the ones before define. */
const FILES = ['shown-values', 'matching', 'mocks', 'runs', 'cases', 'expectations'] as const;

/** The trusted Lua behind `test`, `mock` and `expect`. */
export const testSource: string = FILES.map((name) =>
  readFileSync(new URL(`./lua/${name}.lua`, import.meta.url), 'utf8'),
).join('\n');

export const testModules: readonly LuaModuleSpec[] = [
  { name: 'mock', functions: [] },
  { name: 'test', functions: [], source: testSource },
];

/** Global functions of a test file. */
export const testGlobals: Readonly<Record<string, string>> = {
  expect: 'test.expect',
  print: 'test.print',
};
