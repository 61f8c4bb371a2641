// Where Rivet's Lua differs from Lua 5.3 on purpose, each with a program that shows it. The page
// docs/reference/lua-differences.md is made from this list, and a test runs every program in both.

/** One difference. */
export interface DeliberateDifference {
  readonly title: string;
  /** Why, and what to do instead where that is a question. */
  readonly reason: string;
  /** A program whose lines of output differ. */
  readonly source: string;
  /** What Debian's lua5.3 prints; undefined where that is another thing each time. */
  readonly lua: string | undefined;
  readonly rivet: string;
}

export const DELIBERATE: readonly DeliberateDifference[] = [
  {
    title: 'Integers are exact up to ±(2^53-1)',
    reason:
      'Arithmetic that leaves this range goes on as a float, which is the nearest number, instead of wrapping around to a wrong one. `math.maxinteger` and `math.mininteger` are the ends of the range.',
    source:
      'print(math.maxinteger, math.mininteger)\nprint(math.maxinteger + 1 == 2^53, 1000000007 * 1000000007)\nprint(9007199254740993, math.type(9007199254740993))\nprint(math.tointeger(2^60), math.floor(2^60))',
    lua: '9223372036854775807\t-9223372036854775808\nfalse\t1000000014000000049\n9007199254740993\tinteger\n1152921504606846976\t1152921504606846976',
    rivet:
      '9007199254740991\t-9007199254740991\ntrue\t1.000000014e+18\n9.007199254741e+15\tfloat\nnil\t1.1529215046068e+18',
  },
  {
    title: 'Bitwise operations refuse a result that is not exact',
    reason:
      'They work on 64 bits. A result or operand beyond 2^53 has no exact number here, so it is an error rather than a wrong number.',
    source:
      'print(~0, 1 << 52, 0xff ~ 0x0f, -1 >> 32)\nprint(pcall(function() return 1 << 62 | 1 end))\nprint(0xffffffffffffffff)',
    lua: '-1\t4503599627370496\t240\t4294967295\ntrue\t4611686018427387905\n-1',
    rivet:
      '-1\t4503599627370496\t240\t4294967295\nfalse\tp:2: number has no integer representation\n1.844674407371e+19',
  },
  {
    title: '`string.pack` and `string.unpack` refuse integers of more than 53 bits',
    reason: 'For the same reason. Use `d` or `n` for large numbers.',
    source: 'print(pcall(string.unpack, "<i8", "\\1\\2\\3\\4\\5\\6\\7\\8"))',
    lua: 'true\t578437695752307201\t9',
    rivet: 'false\t8-byte integer does not fit into Lua Integer (53 bits)',
  },
  {
    title: 'A numeric loop may not start at the end of the range',
    reason: 'The loop computes its first value minus the step, which must be exact.',
    source:
      'print(pcall(function() for i = math.mininteger, math.mininteger do end return "ran" end))',
    lua: 'true\tran',
    rivet: "false\tp:1: 'for' step is too large",
  },
  {
    title: '`pairs` visits a list, then the other keys in the order in which they were set',
    reason: 'A job that is continued elsewhere must take the same course; Lua promises no order.',
    source:
      'local keys = {}\nfor k in pairs({zebra = 1, [3] = 2, ant = 3, [1] = 4}) do keys[#keys + 1] = tostring(k) end\nprint(table.concat(keys, " "))',
    lua: undefined,
    rivet: '1 zebra 3 ant',
  },
  {
    title: 'The length of a list with holes is another of its borders',
    reason: 'Lua promises some border, not which one. Use `table.pack`, whose `n` counts nils too.',
    source: 'local t = {1, 2}\nt[4] = 4\nprint(#t, #{1, nil, 3}, #{nil, nil, 3})',
    lua: '4\t3\t3',
    rivet: '2\t3\t3',
  },
  {
    title: 'What reaches outside of the script is absent',
    reason:
      "Effects are calls of Rivet's modules. `print` writes to the job's log. `os.time`, `os.date` and `os.clock` exist where Rivet defines them; `debug` has `traceback` alone.",
    source:
      'print(io, os.execute, os.remove, os.exit, package, dofile, loadfile, collectgarbage)\nprint(string.dump, debug.getinfo, debug.sethook, debug.setmetatable)',
    lua: undefined,
    rivet: 'nil\tnil\tnil\tnil\tnil\tnil\tnil\tnil\nnil\tnil\tnil\tnil',
  },
  {
    title: 'There is no bytecode',
    reason: 'Bytecode can break the VM. `load` takes text in every mode.',
    source: 'print(load("\\27Lua"))',
    lua: 'nil\tbinary string: truncated precompiled chunk',
    rivet: 'nil\tattempt to load a binary chunk',
  },
  {
    title: 'Built-in tables and the metatable of strings cannot be changed',
    reason: 'A file that is required must not change what another one sees.',
    source:
      'print(getmetatable(""))\nprint(pcall(function() string.upper = nil end))\nprint(pcall(rawset, math, "pi", 3))',
    lua: undefined,
    rivet:
      "false\nfalse\tp:2: attempt to change 'string', which is read-only\nfalse\tattempt to change 'math', which is read-only",
  },
  {
    title: '`__gc` and `__mode` have no effect',
    reason: 'Memory is collected by JavaScript, which tells nobody.',
    source:
      'local weak = setmetatable({{}}, {__mode = "v"})\nif collectgarbage then collectgarbage() end\nprint(#weak)',
    lua: '0',
    rivet: '1',
  },
  {
    title: '`__ipairs` and the functions of older versions are absent',
    reason: 'Debian builds lua5.3 with what Lua 5.2 had; the manual of 5.3 does not have it.',
    source:
      'print(bit32 ~= nil, math.pow ~= nil, math.log10 ~= nil, loadstring ~= nil, unpack ~= nil)\nfor i in ipairs(setmetatable({1}, {__ipairs = function() return function() end end})) do print("visited", i) end',
    lua: 'true\ttrue\ttrue\tfalse\tfalse',
    rivet: 'false\tfalse\tfalse\tfalse\tfalse\nvisited\t1',
  },
  {
    title: 'What is not a number has no sign',
    reason: 'The sign depends on the processor.',
    source: 'print(0/0, -(0/0), math.huge - math.huge)',
    lua: '-nan\tnan\t-nan',
    rivet: 'nan\tnan\tnan',
  },
  {
    title: 'The last digit of sines and logarithms may differ',
    reason: "They come from JavaScript's mathematical library, as exact as C's but not the same.",
    source: 'print(string.format("%.17g", math.sin(189 * 0.37)))',
    lua: '0.72769927513736643',
    rivet: '0.72769927513736654',
  },
  {
    title: '`math.random` gives other numbers',
    reason:
      'It is seeded from the id of the job, so that a job that is continued sees the same ones. `math.randomseed` may be called.',
    source: 'math.randomseed(1)\nprint(math.random(1000000))',
    lua: undefined,
    rivet: '91570',
  },
  {
    title: 'Addresses are numbers that count up',
    reason: 'The same in every run of the same script.',
    source: 'print(tonumber(tostring({}):match("0x%x+")) < 2^40)',
    lua: 'false',
    rivet: 'true',
  },
  {
    title: 'A syntax error at a long string names the line where it starts',
    reason: 'That is where the mistake is.',
    source: 'print(load("x = y [[one\\ntwo\\n", "=file"))',
    lua: 'nil\tfile:3: unfinished long string (starting at line 1) near <eof>',
    rivet: 'nil\tfile:1: unfinished long string (starting at line 1) near <eof>',
  },
  {
    title: 'A NUL in the source is shown',
    reason: 'Lua says "unexpected symbol" and no more.',
    source: 'print(load("x = \\0", "=file"))',
    lua: 'nil\tfile:1: unexpected symbol',
    rivet: "nil\tfile:1: unexpected symbol near '<\\0>'",
  },
  {
    title: '`string.unpack("z")` wants the zero at the end',
    reason: 'Lua 5.3 reads past the end of the string.',
    source: 'print(pcall(string.unpack, "z", "abc"))',
    lua: 'true\tabc\t5',
    rivet: "false\tbad argument #2 to 'string.unpack' (unfinished string for format 'z')",
  },
  {
    title: 'A zero in the format of `string.pack` is no end',
    reason: 'Lua 5.3 reads the format as a C string and leaves out what comes after.',
    source: 'print(pcall(string.packsize, "i4\\0i4"))',
    lua: 'true\t4',
    rivet: "false\tinvalid format option '<\\0>'",
  },
  {
    title: '`math.fmod` checks its arguments from left to right',
    reason: 'Lua leaves the order to the C compiler.',
    source: 'print(pcall(math.fmod))',
    lua: "false\tbad argument #2 to 'math.fmod' (number expected, got no value)",
    rivet: "false\tbad argument #1 to 'math.fmod' (number expected, got no value)",
  },
];
