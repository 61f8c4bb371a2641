// The nodes that are told one by one are those of the tree.
import type { Node } from 'luaparse';
import { expect, it } from 'vitest';
import { parseSource } from './parse-source.ts';
import { walk } from './syntax-tree.ts';

/** Every statement and expression of Lua. */
const SOURCE = `
local a, b = 1, ...
local function f(x, ...) return x, nil, true, -x, not x, x and 1 or 2, x + 1, (x) end
function a.b.c:d() self.e[1] = function() end end
a, b = f"text", f{ 1, key = 2, [3] = 4; f }
while a do break end
repeat goto done until b
if a then f() elseif b then a:m("x") else do end end
for i = 1, 2, 3 do f(i) end
for k, v in f() do a.b:c{} end
::done::
return a .. [[long]] -- the end
`;

it.each([true, false])('names every node once, inner ones first (with places: %s)', (places) => {
  const source = parseSource('pipeline.lua', SOURCE, places);
  const nodes = source?.nodes.filter(({ type }) => type !== 'Comment') ?? [];
  const walked = source === undefined ? [] : walk(source.chunk);
  expect(nodes.length).toBeGreaterThan(100);
  expect(nodes).toHaveLength(walked.length);
  const at = new Map<Node, number>(nodes.map((node, index) => [node, index]));
  expect(walked.filter(({ node }) => !at.has(node))).toEqual([]);
  for (const { node, parent } of walked) {
    if (parent !== undefined) expect(at.get(node)).toBeLessThan(at.get(parent) ?? 0);
  }
});
