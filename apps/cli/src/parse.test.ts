// The command line of one command: values as typed, mistakes named with what is near.
import { describe, expect, it } from 'vitest';
import {
  choice,
  defineCommand,
  flag,
  integer,
  optional,
  repeated,
  required,
  text,
} from './command.ts';
import { parseCommand } from './parse.ts';

const command = defineCommand({
  examples: [],
  arguments: { file: required('The pipeline file'), other: optional('Another file') },
  options: {
    input: repeated('NAME=VALUE', 'An input'),
    inputFile: text('FILE', 'Inputs'),
    state: choice('STATE', 'A state', ['queued', 'running']),
    limit: integer('N', 'How many', 1, 100),
    json: flag('JSON'),
    noInput: flag('Never ask'),
  },
  run: async () => 0,
});
const parse = (...argv: string[]) => parseCommand('test', command, argv);

describe('parseCommand', () => {
  it('gives every argument and option its type', () => {
    const { args, options } = parse(
      ...['p.lua', '--input', 'a=1', '--input=b=2', '--input-file', '-', '--limit', '5', '--json'],
    );
    expect(args).toEqual({ file: 'p.lua', other: undefined });
    expect(options).toEqual({
      input: ['a=1', 'b=2'],
      inputFile: '-',
      state: undefined,
      limit: 5,
      json: true,
      noInput: false,
    });
  });

  it('keeps a flag that begins with no apart from the option without it', () => {
    const { options } = parse('p.lua', '--input', 'a=1', '--no-input');
    expect(options).toMatchObject({ input: ['a=1'], noInput: true });
  });

  it('takes values and arguments that begin with a dash', () => {
    expect(parse('p.lua', '--input', '-x=-5').options.input).toEqual(['-x=-5']);
    expect(parse('--json', '--', '--odd').args.file).toBe('--odd');
    expect(parse('-').args.file).toBe('-');
  });

  it.each([
    [['p', '--inptu', 'x'], /unknown option --inptu; did you mean "--input"\?/],
    [[], /FILE is missing: the pipeline file/],
    [['a', 'b', 'c'], /too many arguments; expected FILE OTHER/],
    [['a', '--input'], /--input needs a value: --input NAME=VALUE/],
    [['a', '--limit', '0'], /--limit is "0"; expected a whole number from 1 to 100/],
    [['a', '--limit', '1e2'], /--limit is "1e2"; expected a whole number/],
    [['a', '--state', 'quued'], /expected one of queued, running; did you mean "queued"\?/],
    [['a', '--limit', '1', '--limit', '2'], /--limit was given more than once/],
    [['a', '--input-file', ''], /--input-file is ""; expected text/],
    [['a', '--json=yes'], /--json/],
  ])('refuses %j', (argv, message) => {
    expect(() => parse(...argv)).toThrow(message);
  });

  it('has exit code 2 for all of them', () => {
    expect(() => parse('--nope')).toThrow(
      expect.objectContaining({ entry: expect.objectContaining({ exit: 2 }) }),
    );
  });
});
