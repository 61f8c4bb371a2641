// Names that do not exist, and the ones that were meant.
import { afterAll, describe, expect, it } from 'vitest';
import { createLuaEngine } from './engine.ts';
import { knownNames, meantName, STANDARD_NAMES } from './known-names.ts';

const engine = createLuaEngine();
afterAll(() => engine.close());

const names = knownNames({
  modules: [
    { name: 'http', functions: ['get', 'post'], facts: { proxy: null } },
    { name: 'process', functions: ['run', 'sh'] },
    {
      name: 'json',
      functions: ['encode'],
      source: 'local module = ...\nfunction module.null() end',
    },
  ],
  globals: { print: 'log.info' },
});
const field = (name: string) => `attempt to call a nil value (field '${name}')`;
const global = (name: string) => `attempt to call a nil value (global '${name}')`;

describe('a function that a module does not have', () => {
  it('is told with the one that was meant', () => {
    expect(meantName(field('gett'), 'local r = http.gett(url)', names)).toBe(
      'The module "http" has no "gett": did you mean "http.get"?',
    );
    expect(meantName(field('nul'), 'json.nul()', names)).toContain('did you mean "json.null"?');
    expect(meantName(field('prox'), 'http.prox()', names)).toContain('did you mean "http.proxy"?');
    expect(meantName(field('frobnicate'), 'http.frobnicate()', names)).toBeUndefined();
    expect(
      meantName("attempt to call a nil value (method 'uper')", 'x = string:uper()', names),
    ).toContain('did you mean "string.upper"?');
  });

  it('is not told about when it is not clear whose it is', () => {
    expect(meantName(field('gett'), 'api.gett(url)', names)).toBeUndefined();
    expect(meantName(field('gett'), 'http.gett(json.gett())', names)).toBeUndefined();
    expect(meantName(field('get'), 'http.get(url)', names)).toBeUndefined();
    expect(meantName(field('constructor'), 'constructor.constructor()', names)).toBeUndefined();
    expect(meantName('attempt to index a number value', 'http.gett()', names)).toBeUndefined();
  });
});

describe('a global that does not exist', () => {
  it('is told with the global, the module or the member that was meant', () => {
    expect(meantName(global('pritn'), 'pritn()', names)).toBe(
      'There is no "pritn": did you mean "print"?',
    );
    expect(meantName("attempt to index a nil value (global 'htpp')", 'htpp.get()', names)).toBe(
      'There is no "htpp": did you mean "http"?',
    );
    expect(meantName(global('sh'), 'sh("make")', names)).toBe(
      'There is no "sh": did you mean "process.sh"?',
    );
    expect(meantName(global('zzzzzz'), 'zzzzzz()', names)).toBeUndefined();
  });
});

it('the standard names are those that a script finds', async () => {
  const source = `local found = { globals = {} }
    for name, value in next, _G do
      if type(value) ~= "table" then found.globals[#found.globals + 1] = name
      elseif name ~= "_G" then
        found[name] = {}
        for member in next, value do table.insert(found[name], member) end
        table.sort(found[name])
      end
    end
    table.sort(found.globals)
    return found`;
  const vm = await engine.open(
    { main: 'm.lua', files: new Map([['m.lua', source]]), modules: [], seed: '', env: {} },
    { call: () => Promise.reject(new Error('nothing is called here')) },
    { cpuMs: 5000, memoryBytes: 64 * 1024 * 1024 },
  );
  const { values } = await vm.evaluate();
  await vm.close();
  const { globals, ...tables } = values[0] as Record<string, string[]>;
  expect(globals!.filter((name) => name !== '_VERSION')).toEqual([...STANDARD_NAMES.globals]);
  expect(tables).toEqual(Object.fromEntries(STANDARD_NAMES.members));
});
