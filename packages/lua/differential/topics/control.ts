// Statements: loops, goto, closures over loop variables, varargs, multiple assignment, recursion.
import type { Random } from '../random.ts';

/** A function of random statements over whole numbers that are kept small. */
export function control(r: Random): string {
  const writer = new Writer(r);
  const body = writer.block(3, ['a', 'b', 'c']);
  return `p(function(...)
  local trace, steps = {}, 0
  local function t(...) trace[#trace + 1] = table.concat({...}, ",") end
  local function tick() steps = steps + 1 if steps > 400 then error("enough", 0) end return true end
  local fns = {}
  local a, b, c = ${r.int(0, 9)}, ${r.int(0, 9)}, ${r.int(-9, 9)}
${body}
  for i = 1, math.min(#fns, 8) do t(i, fns[i](i), fns[i]()) end
  return a, b, c, steps, select("#", ...), table.concat(trace, " ", 1, math.min(#trace, 60))
end, ${r.list(0, 4, () => r.pick(['1', 'nil', '"v"', 'false'])).join(', ') || 'nil'})`;
}

class Writer {
  readonly #r: Random;
  #labels = 0;
  #budget = 14;

  constructor(r: Random) {
    this.#r = r;
  }

  block(depth: number, names: readonly string[]): string {
    const known = [...names];
    const lines: string[] = [];
    for (let count = this.#r.int(1, 5); count > 0 && this.#budget > 0; count -= 1) {
      this.#budget -= 1;
      lines.push(this.#statement(depth, known));
    }
    return lines.join('\n');
  }

  #value(names: readonly string[], depth = 2): string {
    const r = this.#r;
    if (depth === 0 || r.chance(0.4)) return r.chance(0.6) ? r.pick(names) : String(r.int(-9, 20));
    const a = this.#value(names, depth - 1);
    const b = this.#value(names, depth - 1);
    if (r.chance(0.2)) return `(${a} ${r.pick(['<', '==', '>='])} ${b} and ${a} or ${b})`;
    if (r.chance(0.2)) return `(${a} // ${r.int(1, 7)})`;
    return `(${a} ${r.pick(['+', '-', '*'])} ${b}) % 1009`;
  }

  #test(names: readonly string[]): string {
    const r = this.#r;
    const test = `${this.#value(names, 1)} ${r.pick(['<', '<=', '>', '>=', '==', '~='])} ${this.#value(names, 1)}`;
    return r.pick([
      test,
      test,
      `not (${test})`,
      `(${test} ${r.pick(['and', 'or'])} ${r.pick(names)} > 3)`,
    ]);
  }

  #statement(depth: number, names: string[]): string {
    const r = this.#r;
    const simple = [
      () => `${r.pick(names)} = ${this.#value(names)}`,
      () => `t(${this.#value(names)}, ${this.#value(names)})`,
      () => `${r.pick(names)}, ${r.pick(names)} = ${this.#value(names)}, ${this.#value(names)}`,
      () => `t(select("#", ...), (select(${r.int(1, 3)}, ...)) == nil and "nil" or "some")`,
      () => this.#local(names),
      () => this.#closure(names),
    ];
    const nested = [
      () =>
        `if ${this.#test(names)} then\n${this.block(depth - 1, names)}\nelseif ${this.#test(names)} then\n${this.block(depth - 1, names)}\nelse\n${this.block(depth - 1, names)}\nend`,
      () =>
        `while tick() and ${this.#test(names)} do\n${this.block(depth - 1, names)}\n${r.chance(0.6) ? `if ${this.#test(names)} then break end` : ''}\nend`,
      () =>
        `repeat tick()\n${this.block(depth - 1, names)}\nlocal done = ${this.#test(names)}\nuntil done`,
      () => this.#for(depth, names),
      () => this.#goto(depth, names),
      () => `do\n${this.block(depth - 1, names)}\nend`,
      () => this.#function(names),
    ];
    return depth > 0 && r.chance(0.55) ? r.pick(nested)() : r.pick(simple)();
  }

  #local(names: string[]): string {
    const name = this.#r.pick(['a', 'b', 'x', 'y', 'z']);
    const value = this.#value(names);
    names.push(name);
    return `local ${name} = ${value}`;
  }

  #closure(names: readonly string[]): string {
    const captured = this.#r.pick(names);
    return `fns[#fns + 1] = function(n) ${captured} = (${captured} + (n or 3)) % 97 return ${captured} end`;
  }

  #for(depth: number, names: readonly string[]): string {
    const r = this.#r;
    const inner = this.block(depth - 1, [...names, 'i']);
    const ending = r.chance(0.3) ? `if i == ${r.int(1, 4)} then break end` : '';
    const range = r.pick(['1, 3', '3, 1, -1', '1, 0', '-2, 6, 3', '1, 2.5']);
    const head = r.pick([
      `for i = ${range} do`,
      'for i, v in ipairs({5, 6, 7}) do',
      'for i in string.gmatch("1 2 3", "%d") do i = tonumber(i)',
    ]);
    return `${head}\ntick()\n${inner}\nfns[#fns + 1] = function() i = i + 1 return i end\n${ending}\nend`;
  }

  #goto(depth: number, names: readonly string[]): string {
    this.#labels += 1;
    const label = `l${this.#labels}`;
    const inner = this.block(depth - 1, names);
    return this.#r.chance(0.5)
      ? `do\nif ${this.#test(names)} then goto ${label} end\n${inner}\n::${label}::\nend`
      : `do\n::${label}::\ntick()\n${inner}\n${this.#r.pick(names)} = ${this.#r.pick(names)} + 1\nif ${this.#test(names)} then goto ${label} end\nend`;
  }

  #function(names: readonly string[]): string {
    const r = this.#r;
    const results = r.pick(['...', 'n, ...', '(...)', 'n', '']);
    return `do local function f(n, ...)
if n <= 0 then return ${results} end
local x = select("#", ...)
return ${r.pick(['f(n - 1, n, ...)', 'f(n - 1, x)', '(f(n - 2, ...))', 'n, f(n - 1)'])}
end
t(select("#", f(${r.int(0, 5)}, ${this.#value(names)}, 2)))
local q = {f(${r.int(0, 4)}, 3), f(2)}
t(#q > 0 and "q" or "none")
end`;
  }
}
