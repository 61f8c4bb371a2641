// Readers of what scripts pass.
import type { LuaRecord } from '@rivet/lua';
import { expect, it } from 'vitest';
import { environment } from './value-readers.ts';

it('reads variables whose names mean something in JavaScript like any other', () => {
  const given = Object.create(null) as LuaRecord;
  for (const name of ['__proto__', 'constructor', 'toString']) given[name] = name;
  const env = environment.read(given, { function: 'process.run', path: 'env' });
  expect(Object.entries(env)).toEqual(Object.entries(given));
});
