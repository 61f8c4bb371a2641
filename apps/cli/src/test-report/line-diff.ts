// The lines that two texts have in common and those that differ.

export interface DiffLine {
  readonly kind: 'same' | 'expected' | 'actual';
  readonly text: string;
}

/** Longer texts are shown one after the other. */
const CELLS_MAX = 1_000_000;

/** The shortest way from `expected` to `actual`, line by line. */
export function diffLines(expected: string, actual: string): DiffLine[] {
  const a = expected.split('\n');
  const b = actual.split('\n');
  if (a.length * b.length > CELLS_MAX) return [...mark('expected', a), ...mark('actual', b)];
  const width = b.length + 1;
  // common[i * width + j]: lines that a from i and b from j have in common.
  const common = new Uint32Array((a.length + 1) * width);
  const at = (i: number, j: number): number => common[i * width + j] ?? 0;
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      common[i * width + j] =
        a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const lines: DiffLine[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) {
    if (a[i] === b[j]) {
      lines.push({ kind: 'same', text: a[i] ?? '' });
      i += 1;
      j += 1;
    } else if (at(i + 1, j) >= at(i, j + 1)) {
      lines.push({ kind: 'expected', text: a[i] ?? '' });
      i += 1;
    } else {
      lines.push({ kind: 'actual', text: b[j] ?? '' });
      j += 1;
    }
  }
  return [...lines, ...mark('expected', a.slice(i)), ...mark('actual', b.slice(j))];
}

function mark(kind: DiffLine['kind'], texts: readonly string[]): DiffLine[] {
  return texts.map((text) => ({ kind, text }));
}
