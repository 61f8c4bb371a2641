// Dependency graphs: an order in which everything comes after what it needs, or the cycle that
// forbids it.

/** What each node needs, by name. Names that are not keys are ignored: report them beforehand. */
export type Needs = ReadonlyMap<string, readonly string[]>;

/** One cycle of the graph as the names along it, first and last the same; undefined without one. */
export function findCycle(needs: Needs): string[] | undefined {
  const done = new Set<string>();
  for (const start of needs.keys()) {
    const cycle = walk(start, needs, done);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}

/** Depth first with a stack of its own: a graph of 100,000 nodes must not overflow ours. */
function walk(start: string, needs: Needs, done: Set<string>): string[] | undefined {
  const path: string[] = [];
  const onPath = new Set<string>();
  const stack: { name: string; next: number }[] = [{ name: start, next: 0 }];
  for (let frame = stack.at(-1); frame !== undefined; frame = stack.at(-1)) {
    const { name } = frame;
    if (frame.next === 0) {
      if (done.has(name)) {
        stack.pop();
        continue;
      }
      if (onPath.has(name)) return [...path.slice(path.indexOf(name)), name];
      path.push(name);
      onPath.add(name);
    }
    const need = needs.get(name)?.[frame.next];
    frame.next += 1;
    if (need === undefined) {
      done.add(name);
      onPath.delete(name);
      path.pop();
      stack.pop();
    } else if (needs.has(need)) {
      stack.push({ name: need, next: 0 });
    }
  }
  return undefined;
}
