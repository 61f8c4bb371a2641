// YAML both ways: what it means, what is refused, and that no text keeps the runner busy.
import { SecretText } from '@rivet/base';
import { LuaFunction, type LuaRecord, type LuaValue } from '@rivet/lua';
import { watchTimers } from '@rivet/testing';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import type { Branch } from '../branch.ts';
import type { ModuleCall } from '../host-function.ts';
import type { JobContext } from '../job-context.ts';
import { createYamlProcess } from '../yaml/yaml-process.ts';
import { yamlModule } from './yaml.ts';

const nullValue = new LuaFunction(1, { file: 'json', line: 1 });
const yaml = createYamlProcess();
const job = { yaml } as unknown as JobContext;
afterAll(() => yaml.close());

const signal = new AbortController().signal;
const branch = { signal } as unknown as Branch;

async function run(name: string, ...args: LuaValue[]): Promise<LuaValue> {
  const call = { name: `yaml.${name}`, job, branch } as ModuleCall;
  return (await yamlModule.functions[name]!.run(call, args))[0] ?? null;
}

const decode = (text: string) => run('decode', text, nullValue);
const decodeAll = (text: string) => run('decode_all', text, nullValue);
const encode = (value: LuaValue, options: LuaRecord | null = null) =>
  run('encode', value, options, nullValue);

describe('yaml.decode', () => {
  it.each([
    ['a: [1, x, true, null, ~]', { a: [1, 'x', true, nullValue, nullValue] }],
    ['- 0x1f\n- 0o17\n- -1.5e3\n- .5', [31, 15, -1500, 0.5]],
    ['[yes, no, on, off, 12:30, 2024-01-01, 1_000]', 'yes no on off 12:30 2024-01-01 1_000'],
    ['a: &x { k: v }\nb: *x', { a: { k: 'v' }, b: { k: 'v' } }],
    ['a: |\n  one\n  two\nb: >\n  one\n  two', { a: 'one\ntwo\n', b: 'one two\n' }],
    ['1: a\ntrue: b\n1.50: c', { '1': 'a', true: 'b', '1.50': 'c' }],
    ['a: !!str 1', { a: '1' }],
    ['{"json": ["too", {}]}', { json: ['too', {}] }],
    ['', nullValue],
    ['# nothing', nullValue],
    ['--- text\n...', 'text'],
    ['9007199254740991', 9007199254740991],
  ])('reads %j', async (text, value) => {
    const read = await decode(text);
    const expected = typeof value === 'string' && value.includes(' no ') ? value.split(' ') : value;
    expect(JSON.parse(JSON.stringify(read))).toEqual(JSON.parse(JSON.stringify(expected)));
  });

  it('reads numbers that JSON has no word for', async () => {
    expect(await decode('[.inf, -.inf, .nan]')).toEqual([1 / 0, -1 / 0, Number.NaN]);
  });

  it('keeps keys that mean something to JavaScript, and changes nothing else', async () => {
    const value = (await decode('__proto__: { polluted: 1 }\nconstructor: 2')) as LuaRecord;
    expect(Object.keys(value)).toEqual(['__proto__', 'constructor']);
    expect(Object.getPrototypeOf(value)).toBe(null);
    expect('polluted' in {}).toBe(false);
  });

  it('reads the documents of a text with decode_all only', async () => {
    expect(await decodeAll('--- 1\n--- 2\n---\n')).toEqual([1, 2, nullValue]);
    expect(await decodeAll('')).toEqual([]);
    await expect(decode('--- 1\n--- 2')).rejects.toThrow(
      'yaml.decode: the text has 2 documents, which yaml.decode_all reads; expected one at line 2',
    );
  });

  it.each([
    ['a: b: c', 'at line 1, column 4'],
    ['a:\n  - b\n c: d', 'at line 3'],
    ['a: [1, 2', 'at line 1'],
    ['\ta: 1', 'at line 1, column 1'],
    ['a: 1\nb: 2\na: 3', 'the key "a" is there twice at line 3, column 1'],
    ['a: *nothing', 'the alias *nothing has no anchor &nothing before it at line 1, column 4'],
    ['a: *b\nb: &b 1', 'the alias *b has no anchor &b before it'],
    ['a: &a [*a]', 'an alias stands inside of what it names'],
    ['a: !ruby/object:Gem x', 'the tag "!ruby/object:Gem" is not known'],
    ['a: !!binary aGk=', 'the tag "tag:yaml.org,2002:binary" is not known'],
    ['a: !!js/function x', 'is not known'],
    ['? [a]\n: 1', 'a key is no text, number or bool'],
    ['n: 9007199254740993', 'the number "9007199254740993" cannot be held exactly'],
    ['n: 1e999', 'the number "1e999" is too large'],
    ['%YAML 1.1\n---\nyes', 'the text says that it is YAML 1.1; expected 1.2'],
    [`${'['.repeat(150)}${']'.repeat(150)}`, 'it is nested deeper than 100 levels'],
    ['a: "\\ud800"', 'half of a surrogate pair is no text'],
  ])('says what is wrong with %j', async (text, message) => {
    const failed = await decode(text).then(
      (value) => ({ value }),
      (error: unknown) => error,
    );
    expect(failed).toMatchObject({
      code: 'RIVET_YAML_DECODE',
      message: expect.stringContaining(message),
    });
  });
});

describe('a text that would take all there is', () => {
  const bomb = (levels: number) =>
    Array.from({ length: levels }, (_, level) => {
      const items = level === 0 ? 'lol' : `*a${level - 1}`;
      return `a${level}: &a${level} [${Array.from({ length: 9 }, () => items).join(', ')}]`;
    }).join('\n');

  it.each([
    ['aliases of aliases', bomb(12), 'has more values; the limit is 500000 values'],
    [
      'a long text again and again',
      `- &a "${'x'.repeat(100_000)}"\n${'- *a\n'.repeat(1000)}`,
      'has more text',
    ],
    ['more than a megabyte', 'x'.repeat(1024 * 1024 + 1), 'the text has 1.0MB; the limit is 1MB'],
  ])('is refused: %s', async (_, text, message) => {
    const started = performance.now();
    await expect(decode(text)).rejects.toMatchObject({
      code: 'RIVET_YAML_LIMIT',
      message: expect.stringContaining(message),
    });
    expect(performance.now() - started).toBeLessThan(10_000);
  });

  it.each([
    ['brackets', '['.repeat(300_000)],
    ['question marks', '? '.repeat(100_000)],
    ['dashes', '- '.repeat(100_000)],
    ['braces', '{a: '.repeat(100_000)],
  ])('of %s is refused in time', async (_, text) => {
    const started = performance.now();
    await expect(decode(text)).rejects.toMatchObject({
      code: expect.stringMatching(/^RIVET_YAML_(?:DECODE|LIMIT)$/),
    });
    expect(performance.now() - started).toBeLessThan(15_000);
  });

  it('keeps nobody else waiting, and is given up when its time is over', async () => {
    const impatient = createYamlProcess(1000);
    const endWatch = watchTimers(5);
    const memory = process.memoryUsage().rss;
    const text = '- { name: item, tags: [a, b] }\n'.repeat(33_000);
    const request = { type: 'decode', text, all: false } as const;
    expect(await impatient.ask(request, signal)).toMatchObject({
      type: 'limit',
      found: 'takes longer than 1 s to work on',
    });
    const { ticks, heldMs } = endWatch();
    // As long as it works when it is done in this process.
    expect(heldMs).toBeLessThan(900);
    // Two hundred where nothing else is done; one where this process waits for the other.
    expect(ticks).toBeGreaterThan(20);
    expect(process.memoryUsage().rss - memory).toBeLessThan(30 * 1024 * 1024);
    // The next text is worked on as if nothing had been.
    const patient = createYamlProcess();
    expect(await patient.ask({ ...request, text: '1' }, signal)).toEqual({
      type: 'decoded',
      value: 1,
    });
    await patient.close();
    await impatient.close();
  });

  it('is given up when its branch is stopped', async () => {
    const controller = new AbortController();
    const stopped = createYamlProcess();
    const text = '- { name: item, tags: [a, b] }\n'.repeat(30_000);
    const asked = stopped.ask({ type: 'decode', text, all: false }, controller.signal);
    controller.abort(new Error('enough'));
    await expect(asked).rejects.toThrow('enough');
    await stopped.close();
  });

  it('of many keys or anchors takes time that grows with its length only', async () => {
    const keys = Array.from({ length: 20_000 }, (_, n) => `k${n}: &a${n} 1`).join('\n');
    const value = (await decode(keys)) as LuaRecord;
    expect(Object.keys(value)).toHaveLength(20_000);
  });
});

describe('yaml.encode', () => {
  it('writes block style, or one line', async () => {
    const value = { name: 'x', list: [1, { a: true }], none: nullValue, empty: [] };
    expect(await encode(value)).toBe('name: x\nlist:\n  - 1\n  - a: true\nnone: null\nempty: []\n');
    expect(await encode(value, { pretty: false })).toBe(
      '{ "name": "x", "list": [1, { "a": true }], "none": null, "empty": [] }\n',
    );
  });

  it('quotes what some program would read as something else', async () => {
    expect(await encode(['yes', 'no', '1', 'null', '~', '12:30', '0x1f', ' a', '- b', '1_0'])).toBe(
      `${['yes', 'no', '1', 'null', '~', '12:30', '0x1f', ' a', '- b', '1_0']
        .map((text) => `- ${JSON.stringify(text)}`)
        .join('\n')}\n`,
    );
  });

  it.each([
    [new LuaFunction(2, { file: 'x', line: 1 }), 'value is a function'],
    [{ x: [Uint8Array.of(255)] }, 'value.x[1] is a string of 1 bytes that is not UTF-8'],
    [{ t: new SecretText('x') as unknown as LuaValue }, 'value.t is a secret value'],
  ])('refuses what YAML has no word for', async (value, message) => {
    await expect(encode(value as LuaValue)).rejects.toThrow(`yaml.encode: ${message}`);
  });

  it.each([true, false])('is undone by decode (pretty = %s)', async (pretty) => {
    const value = fc.letrec<{ value: LuaValue }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.constant(nullValue),
        fc.boolean(),
        fc.integer(),
        fc.double({ noNaN: true }).filter((each) => !Object.is(each, -0)),
        fc.string({ unit: 'grapheme' }),
        fc.constantFrom(
          'yes',
          '',
          ' ',
          '\n',
          'a\nb\n',
          '# x',
          'a: b',
          '---',
          '*x',
          '\t',
          '...',
          '"',
        ),
        fc.array(tie('value'), { maxLength: 4 }),
        fc.dictionary(
          fc.oneof(fc.string(), fc.constantFrom('__proto__', '<<', 'yes', '1', '? x', '')),
          tie('value'),
          { maxKeys: 4, noNullPrototype: false },
        ),
      ),
    })).value;
    await fc.assert(
      fc.asyncProperty(value, async (original) => {
        const text = (await encode(original, { pretty })) as string;
        expect(comparable(await decode(text))).toEqual(comparable(original));
        if (!pretty) expect(text.trimEnd()).not.toContain('\n');
      }),
      { numRuns: 300 },
    );
  });

  /** Entries in place of records: prototypes play no part, and empty tables are all the same. */
  function comparable(value: LuaValue): unknown {
    if (value === null || typeof value !== 'object') return value;
    if (value instanceof LuaFunction) return ['function', value.id];
    if (Array.isArray(value)) return value.map(comparable);
    return Object.entries(value).map(([key, entry]) => ['entry', key, comparable(entry)]);
  }
});
