// Holds the modules and their trusted Lua together.
import { describe, expect, it } from 'vitest';
import { coreModules, findHostFunction, hostModules } from './registry.ts';

describe('the modules for creation', () => {
  it('have the names of all public functions, and no effect of their own', () => {
    const names = coreModules().flatMap((module) =>
      module.functions.map((name) => `${module.name}.${name}`),
    );
    expect(names).toContain('process.run');
    expect(names).not.toContain('process.checked');
    for (const name of names) expect(findHostFunction(name), name).toBeDefined();
  });

  it('call only host functions that exist from their trusted Lua', () => {
    for (const { name, source = '' } of hostModules) {
      const called = [...source.matchAll(/host\.call\("([\w.]+)"/g)].map((match) => match[1]!);
      for (const call of called.filter((each) => !each.endsWith('.'))) {
        expect(findHostFunction(call), `${name}: ${call}`).toBeDefined();
      }
    }
  });
});
