// The table of faults names a test for each fault, or says that there is none; each file that it
// names is there, with the tests and faults that it names in it.
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const path = 'docs/operating/faults.md';
const page = readFileSync(path, 'utf8');

const rows = page
  .split('\n')
  .filter((line) => /^\| [IF]\d+ \|/.test(line))
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .map(([, id = '', what = '', ...rest]) => ({ id, what, cells: rest.slice(0, -1) }));

const idsOf = (letter: string): string[] =>
  rows.map(({ id }) => id).filter((id) => id.startsWith(letter));

const numbered = (letter: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${letter}${index + 1}`);

/** Each file that stands on the page, with what is quoted behind it. */
function namesIn(text: string): { file: string; names: string[] }[] {
  return [...text.matchAll(/`([^`\s]+\/[^`\s]+\.ts)`((?: "[^"]+"(?: \([^)]*\))?)*)/g)].map(
    ([, file = '', quoted = '']) => ({
      file,
      names: [...quoted.matchAll(/"([^"]+)"/g)].map(([, name = '']) => name),
    }),
  );
}

describe('the table of faults', () => {
  it('has I1 to I12 and F1 to F50, each once and in order', () => {
    expect(idsOf('I')).toEqual(numbered('I', 12));
    expect(idsOf('F')).toEqual(numbered('F', 50));
    expect(rows.filter(({ what }) => what === '')).toEqual([]);
  });

  it.each(rows)('names a test of $id, or says that there is none', ({ cells }) => {
    const text = cells.join(' ');
    const tests = namesIn(text).filter(({ file }) => /\.test\.ts$|^e2e\/chaos\//.test(file));
    expect(tests.length > 0 || /\*\*no(t built| test)\*\*/.test(text)).toBe(true);
  });

  it('names files that are there, and names that stand in them', () => {
    const all = namesIn(page);
    expect(all.length).toBeGreaterThan(100);
    const missing = all.flatMap(({ file, names }) => {
      if (!existsSync(file)) return [file];
      const text = readFileSync(file, 'utf8');
      return names.filter((name) => !text.includes(name)).map((name) => `${file}: ${name}`);
    });
    expect(missing).toEqual([]);
  });

  it('leaves nothing in quotes that is not looked for', () => {
    const quoted = rows.flatMap(({ cells }) => [...cells.join(' ').matchAll(/"([^"]+)"/g)]);
    const found = namesIn(page).flatMap(({ names }) => names);
    expect(quoted.map(([, name]) => name).filter((name) => !found.includes(name ?? ''))).toEqual(
      [],
    );
  });

  it('leads to pages that are there', () => {
    const links = [...page.matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)].map(([, link]) => link ?? '');
    expect(links.filter((link) => !existsSync(`docs/operating/${link}`))).toEqual([]);
  });
});
