// A program as a Lua process takes it.
import type { LuaLimits, LuaProgram } from '../vm.ts';
import type { WireProgram } from './messages.ts';
import { toWire } from './wire-value.ts';

/** @throws when a field of a module cannot be a Lua value */
export function wireProgram(program: LuaProgram, limits: LuaLimits): WireProgram {
  return {
    main: program.main,
    files: [...program.files].map(([path, source]) => [
      path,
      Buffer.from(source as string).toString('base64'),
    ]),
    modules: program.modules.map((module) => ({
      name: module.name,
      functions: module.functions,
      fields: toWire({ ...module.fields }, module.name),
      facts: toWire({ ...module.facts }, module.name),
      source: module.source ?? null,
    })),
    globals: Object.entries(program.globals ?? {}),
    seed: program.seed,
    env: Object.entries(program.env),
    expected: Object.entries(program.expected ?? {}).map(([name, { fields, integers }]) => [
      name,
      fields,
      integers,
    ]),
    cpuMs: limits.cpuMs,
    memoryBytes: limits.memoryBytes,
  };
}
