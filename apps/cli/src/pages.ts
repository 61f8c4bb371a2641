// Lists of the server come in pages; commands show as many items as were asked for.
import { type Output, table } from './output.ts';

export interface ItemPage<T> {
  readonly items: readonly T[];
  readonly next_cursor: string | null;
}

/** At most what the API gives at once. */
const PAGE_MAX = 500;

/**
 * Reads pages until there are `limit` items or no more.
 * @returns the items, and the cursor of the page after them; null at the end
 */
export async function readPages<T>(
  limit: number,
  read: (query: { limit: number; cursor?: string }) => Promise<ItemPage<T>>,
): Promise<{ items: T[]; next_cursor: string | null }> {
  const items: T[] = [];
  let cursor: string | null = null;
  do {
    const wanted: number = Math.min(PAGE_MAX, limit - items.length);
    const page: ItemPage<T> = await read({ limit: wanted, ...(cursor === null ? {} : { cursor }) });
    items.push(...page.items);
    // A server that gives the same cursor again would keep us here for ever.
    if (page.next_cursor === cursor) break;
    cursor = page.next_cursor;
  } while (cursor !== null && items.length < limit);
  return { items, next_cursor: cursor };
}

/** Prints a list: JSON, a table, or that it is empty. */
export function printPage<T>(
  output: Output,
  page: ItemPage<T>,
  options: {
    readonly json: boolean;
    readonly heading: readonly string[];
    readonly row: (item: T) => readonly string[];
    /** Said when there is none. */
    readonly empty: string;
  },
): void {
  if (options.json) {
    output.json(page);
  } else if (page.items.length === 0) {
    output.note(options.empty);
  } else {
    output.line(table(options.heading, page.items.map(options.row)));
    if (page.next_cursor !== null) output.note('There are more: raise --limit.');
  }
}
