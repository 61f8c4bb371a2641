// Sources that are hard on the compiler.
import { fails, type HostileScript, harmless, malformed } from '../hostile-script.ts';

const many = (count: number, make: (i: number) => string, join = ' '): string =>
  Array.from({ length: count }, (_, i) => make(i)).join(join);

export const sourceScripts: HostileScript[] = [
  malformed('a NUL', 'return 1 \0', /NUL|unexpected|<\\0>|expected/),
  malformed('source that is no UTF-8', 'return \xff\xfe', /unexpected symbol/),
  malformed('an unfinished string', 'return "x', /unfinished string/),
  malformed('an unfinished long string', 'return [[x', /unfinished long string/),
  malformed('an unfinished comment', '--[==[ x', /unfinished long comment/),
  malformed('an escape beyond Unicode', 'return "\\u{7fffffffffff}"', /UTF-8 value too large/),
  malformed('a number that is none', 'return 0x', /malformed number/),
  malformed('a number that does not end', `return 1${'.1'.repeat(1e4)}`, /malformed number/),
  malformed(
    'too many local variables',
    many(201, (i) => `local v${i} = ${i}`),
    /too many local variables/,
  ),
  malformed(
    'too many upvalues',
    `${many(2, (f) => `${many(150, (i) => `local a${f}_${i}`)} local function f${f}()`)} return ${many(300, (i) => `a${i < 150 ? 0 : 1}_${i % 150}`, ' or ')} end end`,
    /too many upvalues/,
  ),
  malformed(
    'too many registers',
    `return f(${many(300, (i) => String(i), ', ')})`,
    /too many registers|overflow/,
  ),
  malformed(
    'too many levels of labels',
    `goto l0 ${many(300, (i) => `do ::l${i}::`)} ${many(300, () => 'end')}`,
    /levels|label|nesting/,
  ),
  malformed('five thousand labels', `${many(5000, (i) => `::l${i}::`)} return 1`, /levels/),
  malformed('a goto into a block', 'goto inside do ::inside:: end', /no visible label/),
  malformed(
    'a jump into the scope of a local',
    'goto done local x ::done:: print(x)',
    /jumps into the scope/,
  ),
  malformed('the same label twice', '::a:: ::a::', /already defined/),
  malformed('a break outside of a loop', 'break', /break/),
  malformed(
    'varargs outside of a vararg function',
    'local function f() return ... end',
    /cannot use '\.\.\.'/,
  ),
  malformed(
    'a line of a megabyte with an error at its end',
    `return ${'1 + '.repeat(250_000)} *`,
    /unexpected symbol|levels|registers/,
  ),
  malformed('a megabyte of opening brackets', '('.repeat(1_000_000), /levels|overflow/),
  harmless('a line of a megabyte', `local x = 0 ${'x = x + 1 '.repeat(100_000)} return x`, 100_000),
  harmless('a string of a megabyte', `return #"${'x'.repeat(1_000_000)}"`, 1_000_000),
  harmless('a comment of a megabyte', `--${'x'.repeat(1_000_000)}\nreturn 1`, 1),
  harmless(
    'a name of a hundred thousand letters',
    `local ${'x'.repeat(100_000)} = 5 return ${'x'.repeat(100_000)}`,
    5,
  ),
  harmless('a hundred thousand empty lines', `${'\n'.repeat(100_000)}return 1`, 1),
  harmless('a hundred thousand semicolons', `${';'.repeat(100_000)}return 1`, 1),
  harmless(
    'twenty thousand constants',
    `local t = {${many(20_000, (i) => `"k${i}"`, ', ')}} return #t`,
    20_000,
  ),
  harmless(
    'five thousand functions',
    `local t = {} ${many(5000, (i) => `t[${i + 1}] = function() return ${i} end`)} return t[5000]()`,
    4999,
  ),
  harmless(
    'two hundred local variables',
    `${many(199, (i) => `local v${i} = ${i}`)} return v198`,
    198,
  ),
  fails('an error on a line of a megabyte', `${' '.repeat(1_000_000)}error("here")`, /here/),
  fails('an error on line hundred thousand', `${'\n'.repeat(100_000)}error("there")`, /there/),
  fails(
    'an error in a chunk with a huge name',
    'error(load("error(1)", ("x"):rep(1e6)), 0)',
    /error object is a function|function/,
  ),
];
