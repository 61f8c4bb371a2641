// Inputs from text: flags and forms become typed values, or are refused.
import type { InputDefinition, PipelineDefinition } from '@rivet/protocol';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { inputFromText, inputsFromText } from './input-from-text.ts';

function input(
  type: InputDefinition['type'],
  rest: Partial<InputDefinition> = {},
): InputDefinition {
  return { name: 'it', type, required: true, secret: false, has_validate: false, ...rest };
}

const numbers = input('list', { items: { type: 'number' } });

describe('text becomes a value', () => {
  test.each<[InputDefinition, string, unknown]>([
    [input('string'), ' as it is ', ' as it is '],
    [input('string'), '', ''],
    [input('string'), '[1]', '[1]'],
    [input('bool'), 'true', true],
    [input('bool'), 'YES', true],
    [input('bool'), '1', true],
    [input('bool'), 'false', false],
    [input('bool'), ' no ', false],
    [input('bool'), '0', false],
    [input('number'), '42', 42],
    [input('number'), '-2.50', -2.5],
    [input('number'), '+7', 7],
    [input('number'), '9007199254740991', Number.MAX_SAFE_INTEGER],
    [input('list'), '', []],
    [input('list'), 'linux, windows', ['linux', 'windows']],
    [input('list'), 'one', ['one']],
    [input('list'), '["a,b", "c"]', ['a,b', 'c']],
    [numbers, '1, 2.5', [1, 2.5]],
    [numbers, '[1, 2]', [1, 2]],
    [input('list', { items: { type: 'bool' } }), 'yes,no', [true, false]],
  ])('%j from %j', (definition, text, value) => {
    expect(inputFromText(definition, text)).toEqual({ ok: true, value });
  });
});

describe('text of the wrong form is refused', () => {
  test.each<[InputDefinition, string, string]>([
    [input('bool'), 'ture', 'the input "it" is not a bool'],
    [input('bool'), '2', 'the input "it" is not a bool'],
    [input('bool'), '', 'the input "it" is not a bool'],
    [input('number'), '0x10', 'the input "it" is not a number'],
    [input('number'), '1e3', 'the input "it" is not a number'],
    [input('number'), 'NaN', 'the input "it" is not a number'],
    [input('number'), 'Infinity', 'the input "it" is not a number'],
    [input('number'), '1,5', 'the input "it" is not a number'],
    [input('number'), '', 'the input "it" is not a number'],
    [input('number'), '9007199254740992', 'the input "it" is not a number'],
    [numbers, '1,x', 'the input "it" has an item that is not a number'],
    [input('list'), '["a", ', 'the input "it" begins with "[" and is not a JSON array'],
    [
      input('list'),
      '[{}]',
      'the input "it" is a JSON array with an item that is no text, number or bool',
    ],
  ])('%j from %j', (definition, text, message) => {
    const result = inputFromText(definition, text);
    expect(result.ok ? result.value : result.issue.message).toBe(message);
  });

  test('with the nearest word for a bool', () => {
    expect(inputFromText(input('bool'), 'ture')).toMatchObject({ issue: { nearest: 'true' } });
  });

  test('for every text, without an exception', () => {
    const types = fc.constantFrom<InputDefinition['type']>('string', 'number', 'bool', 'list');
    fc.assert(
      fc.property(types, fc.oneof(fc.string(), fc.json()), (type, text) => {
        const result = inputFromText(input(type), text);
        if (result.ok && type === 'number') expect(Number.isFinite(result.value)).toBe(true);
      }),
    );
  });
});

describe('pairs of names and texts', () => {
  const definition = {
    name: 'build',
    inputs: [
      { ...input('string'), name: 'branch' },
      { ...input('list'), name: 'targets' },
    ],
  } as unknown as PipelineDefinition;

  test('repeating a list adds items', () => {
    expect(
      inputsFromText(definition, [
        ['targets', 'a'],
        ['branch', 'main'],
        ['targets', 'b,c'],
      ]),
    ).toEqual({ values: { targets: ['a', 'b', 'c'], branch: 'main' }, issues: [] });
  });

  test('every mistake is told: unknown names with the nearest, values given twice', () => {
    const { issues } = inputsFromText(definition, [
      ['brnach', 'x'],
      ['branch', 'a'],
      ['branch', 'b'],
      ['__proto__', 'x'],
    ]);
    expect(issues.map(({ message, nearest }) => [message, nearest])).toEqual([
      ['the pipeline "build" has no input "brnach"', 'branch'],
      ['the input "branch" is given twice', undefined],
      ['the pipeline "build" has no input "__proto__"', undefined],
    ]);
  });
});
