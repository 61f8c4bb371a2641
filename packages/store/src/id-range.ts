// Ids by their beginning: a prefix of a UUID is a range of the primary key.

/** The smallest and the greatest UUID that begin with `prefix`; undefined when none can. */
export function idRange(
  prefix: string,
): { readonly from: string; readonly to: string } | undefined {
  const hex = prefix.replaceAll('-', '').toLowerCase();
  if (hex === '' || hex.length > 32 || !/^[0-9a-f]+$/.test(hex)) return undefined;
  const from = format(hex.padEnd(32, '0'));
  // A dash in another place than a UUID has it is a slip, not a prefix.
  if (prefix.includes('-') && !from.startsWith(prefix.toLowerCase())) return undefined;
  return { from, to: format(hex.padEnd(32, 'f')) };
}

/**
 * Whether `ref` is an id as it is shown, from beginning to end. Then it means that id and no name:
 * whoever may choose a name must not be able to stand in somebody else's place.
 */
export function isWholeId(ref: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(ref);
}

function format(hex: string): string {
  const ends = [8, 12, 16, 20, 32];
  return ends.map((end, index) => hex.slice(ends[index - 1] ?? 0, end)).join('-');
}
