// What starts a Lua process before anything else is known.
import { describe, expect, it } from 'vitest';
import { luaPrograms, openEarly } from './early-lua.ts';
import { allEntries } from './registry.ts';

describe('openEarly', () => {
  it('knows commands by the names that they have', () => {
    const names = new Set(allEntries().map(({ path }) => path.join(' ')));
    expect([...luaPrograms.keys()].filter((name) => !names.has(name))).toEqual([]);
  });

  it.each([
    ['of a command that may run no Lua', ['job', 'list']],
    ['of nothing', []],
    ['of a command without its file', ['check']],
    ['of a question about a command', ['check', '--help']],
  ])('starts nothing for the words %s', async (_, words) => {
    expect(await openEarly(words, {})).toBeUndefined();
  });

  it('opens an engine for a command that runs Lua', async () => {
    const lua = await openEarly(['check', 'pipeline.lua'], { RIVET_BUNDLED: 'off' });
    expect(lua).toBeDefined();
    await lua?.close();
  });
});
