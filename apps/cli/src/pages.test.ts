// Reading lists page by page.
import { describe, expect, it } from 'vitest';
import { readPages } from './pages.ts';

const server = (total: number) => {
  const asked: number[] = [];
  const read = async ({ limit, cursor }: { limit: number; cursor?: string }) => {
    asked.push(limit);
    const start = Number(cursor ?? 0);
    const end = Math.min(total, start + limit);
    const items = Array.from({ length: end - start }, (_, at) => start + at);
    return { items, next_cursor: end < total ? String(end) : null };
  };
  return { asked, read };
};

describe('readPages', () => {
  it('reads as many pages as it takes', async () => {
    const { asked, read } = server(1200);
    const page = await readPages(1100, read);
    expect(page.items).toHaveLength(1100);
    expect(page.next_cursor).toBe('1100');
    expect(asked).toEqual([500, 500, 100]);
  });

  it('ends with the last page', async () => {
    const page = await readPages(50, server(3).read);
    expect(page).toEqual({ items: [0, 1, 2], next_cursor: null });
  });

  it('does not go round with a server that gives the same cursor again', async () => {
    const read = async () => ({ items: [1], next_cursor: 'same' });
    expect((await readPages(1000, read)).items).toHaveLength(2);
  });
});
