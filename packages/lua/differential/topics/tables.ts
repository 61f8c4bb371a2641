// Tables: constructors, raw access, the functions of `table`, `next`, `select`, sorting.
import { anyLiteral, randomString } from '../lua-text.ts';
import type { Random } from '../random.ts';

export function tables(r: Random): string {
  return r.list(2, 4, () => r.pick([calls, edits, sorts, constructors, walks])(r)).join('\n');
}

function list(r: Random, max = 8): string {
  return `{${r.list(0, max, () => r.pick([String(r.int(-9, 99)), randomString(r, 3)])).join(', ')}}`;
}

function index(r: Random): string {
  return r.pick([String(r.int(-2, 9)), String(r.int(1, 4)), '2.0', '"3"', '1.5', '0']);
}

function calls(r: Random): string {
  const t = r.chance(0.05) ? anyLiteral(r) : list(r);
  const positions = r.list(0, 2, () => index(r));
  const text = r.pick([
    () => `table.concat(${[t, r.chance(0.1) ? anyLiteral(r) : '", "', ...positions].join(', ')})`,
    () => `table.unpack(${[t, ...positions].join(', ')})`,
    () => `table.pack(${r.list(0, 4, () => anyLiteral(r)).join(', ')})`,
    () =>
      `table.move(${t}, ${r.int(0, 4)}, ${r.int(0, 6)}, ${r.int(-2, 6)}${r.chance(0.3) ? `, ${list(r)}` : ''})`,
    () =>
      `select(${r.pick(['"#"', index(r), '-1', '-3'])}, ${r.list(1, 4, () => anyLiteral(r)).join(', ')})`,
    () => `rawlen(${r.pick([t, '"text"', '5', 'nil'])}), #${t}`,
    () => `rawequal(${anyLiteral(r)}, ${anyLiteral(r)}), rawget(${t}, ${index(r)})`,
    () => `next(${list(r, 1)}), next({})`,
    () =>
      `table.concat({${r.pick(['1, 2.5, "x"', '1, {}, 3', 'true', '1, nil, 3'])}}, "-", 1, ${r.int(1, 3)})`,
  ])();
  return `p(function() return ${text} end)`;
}

function edits(r: Random): string {
  const steps = r.list(2, 8, () =>
    r.pick([
      () => `table.insert(t, ${r.int(0, 99)})`,
      () => `table.insert(t, ${index(r)}, ${r.int(0, 99)})`,
      () => `note(table.remove(t))`,
      () => `note(table.remove(t, ${index(r)}))`,
      () => `t[#t + 1] = ${randomString(r, 3)}`,
      () => `t[${r.pick(['1', '"k"', '1.0', 'true', '2^31', '-1', '0.5'])}] = ${r.int(1, 9)}`,
      () => `t.x = ${r.pick(['1', 'nil', 'false'])}`,
      () =>
        r.pick([
          't[nil] = 1',
          't[0/0] = 1',
          'table.insert(t)',
          'table.insert(t, 1, 2, 3)',
          'rawset(t, nil, 1)',
        ]),
    ])(),
  );
  const safe = steps.map((step) => (r.chance(0.5) ? `p(function() ${step} end)` : step));
  return `p(function() local log = {} local t = ${list(r, 5)}
  local function note(...) log[#log + 1] = tostring((...)) end
  ${safe.join('\n  ')}
  return t, log end)`;
}

function sorts(r: Random): string {
  const count = r.chance(0.1) ? r.int(100, 150) : r.int(0, 20);
  const kind = r.int(0, 3);
  const item = (): string =>
    kind === 0
      ? String(r.int(-50, 50))
      : kind === 1
        ? randomString(r, 3)
        : String(r.int(-9, 9) / 2);
  const order = r.pick([
    '',
    '',
    ', function(a, b) return a > b end',
    ', function(a, b) return tostring(a) < tostring(b) end',
  ]);
  const odd = r.chance(0.08)
    ? r.pick(['t = {1, {}}', 't = {{}, {}}', 't = {"x", 1}', 't = {nil}', 't = {1, 2, true}'])
    : '';
  const items = Array.from({ length: count }, item).join(', ');
  return `p(function() local t = {${items}} ${odd} table.sort(t${order}) return t end)`;
}

function constructors(r: Random): string {
  const field = (): string =>
    r.pick([
      () => anyLiteral(r),
      () => `x${r.int(1, 3)} = ${anyLiteral(r)}`,
      () => `[${r.pick(['1', '2', '"k"', '1.5', 'true', '3.0'])}] = ${anyLiteral(r)}`,
      () => `f(${r.int(0, 3)})`,
      () => `(f(${r.int(0, 3)}))`,
      () => `{${anyLiteral(r)}}`,
    ])();
  return `p(function() local function f(n) return table.unpack({7, 8, 9}, 1, n) end
  local t = {${r.list(0, 5, field).join(r.pick([', ', '; ']))}}
  local n = 0 for k in pairs(t) do n = n + 1 end
  return n, t end)`;
}

function walks(r: Random): string {
  return `p(function() local t = ${list(r)} ${r.chance(0.5) ? 't.a, t.b, t[-1], t[1.5] = 1, 2, 3, 4' : ''}
  local sum, n = 0, 0
  for k, v in ${r.pick(['pairs(t)', 'ipairs(t)', 'next, t', 'next, t, nil'])} do
    n = n + 1 if type(v) == "number" then sum = sum + v end
    ${r.chance(0.4) ? `if n > ${r.int(1, 3)} then t[k] = nil end` : ''}
  end
  return n > 0, ${r.chance(0.5) ? 'sum' : 'n'} end)`;
}
