// Cursors of lists: where the next page begins, as text that callers pass back unchanged.
import { RivetError } from '@rivet/base';

/** Positions of lists by id, newest first. */
export const ID_PATTERN = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** Before the first of such a list: no id is greater. */
export const ID_AFTER_ALL = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

/** Cursor of a list after the item with `position`. */
export function encodeCursor(list: string, position: string): string {
  return Buffer.from(JSON.stringify([list, position])).toString('base64url');
}

/**
 * The position in a cursor that `encodeCursor` made for the same list.
 * @throws RIVET_CURSOR_INVALID
 */
export function decodeCursor(list: string, cursor: string, pattern: RegExp): string {
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    if (Array.isArray(value) && value.length === 2 && value[0] === list) {
      const position: unknown = value[1];
      const whole = typeof position === 'string' && pattern.test(position);
      if (whole && encodeCursor(list, position) === cursor) return position;
    }
  } catch {
    // Not ours either.
  }
  throw RivetError.of('RIVET_CURSOR_INVALID', { found: JSON.stringify(cursor) });
}

/** A page of rows that were read with one more than asked for. */
export function toPage<Row, Item>(
  rows: readonly Row[],
  limit: number,
  present: (row: Row) => Item,
  cursorOf: (row: Row) => string,
): { items: Item[]; next_cursor: string | null } {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  const more = rows.length > limit && last !== undefined;
  return { items: items.map(present), next_cursor: more ? cursorOf(last) : null };
}
