// Seconds of dates.
import type { LuaRecord } from '@rivet/lua';
import { describe, expect, it } from 'vitest';
import type { ModuleCall } from '../host-function.ts';
import { osModule } from './os.ts';

async function dateOf(fields: Record<string, number>): Promise<string> {
  const call = { name: 'os.time' } as ModuleCall;
  const [seconds] = await osModule.functions.time!.run(call, [fields as LuaRecord]);
  return new Date((seconds as number) * 1000).toISOString().replace('.000Z', '');
}

describe('os.time', () => {
  it.each([
    [{ year: 2026, month: 2, day: 3 }, '2026-02-03T12:00:00'],
    [{ year: 2026, month: 2, day: 3, hour: 4, min: 5, sec: 6 }, '2026-02-03T04:05:06'],
    [{ year: 2024, month: 2, day: 29, hour: 0 }, '2024-02-29T00:00:00'],
    [{ year: 33, month: 4, day: 3, hour: 0 }, '0033-04-03T00:00:00'],
  ])('of %j', async (fields, text) => {
    expect(await dateOf(fields)).toBe(text);
  });

  it.each([
    [{ year: 2023, month: 3, day: 0 }, '2023-02-28T12:00:00'],
    [{ year: 2023, month: 1, day: 61 }, '2023-03-02T12:00:00'],
    [{ year: 2023, month: 14, day: 1 }, '2024-02-01T12:00:00'],
    [{ year: 2023, month: 12, day: 31, hour: 24 }, '2024-01-01T00:00:00'],
    [{ year: 2023, month: 1, day: 1, hour: 0, sec: -1 }, '2022-12-31T23:59:59'],
  ])('carries what is too much or too little for a field of %j', async (fields, text) => {
    expect(await dateOf(fields)).toBe(text);
  });
});
