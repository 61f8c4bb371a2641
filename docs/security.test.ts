// The threat model names a test for each attack of the catalogue, and each of those tests is there.
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const page = readFileSync('docs/security.md', 'utf8');

const rows = page
  .split('\n')
  .filter((line) => /^\| S\d+ \|/.test(line))
  .map((line) => {
    const [, id = '', attack = '', defence = '', test = ''] = line
      .split('|')
      .map((cell) => cell.trim());
    return { id, attack, defence, test };
  });

/** Of the second table, whose attacks have no number. */
const others = (page.split('| attack | defence | test |\n|---|---|---|\n')[1] ?? '')
  .split('\n')
  .filter((line) => line.startsWith('|'))
  .map((line) => line.split('|').map((cell) => cell.trim()));

function expectTests(cell: string): void {
  const files = [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? '');
  expect(files.length).toBeGreaterThan(0);
  expect(files.filter((file) => !existsSync(file))).toEqual([]);
  expect(files.filter((file) => !file.endsWith('.test.ts'))).toEqual([]);
}

describe('the table of attacks in docs/security.md', () => {
  it('has S1 to S28, each once and in order, with an attack and a defence', () => {
    expect(rows.map(({ id }) => id)).toEqual(
      Array.from({ length: 28 }, (_, index) => `S${index + 1}`),
    );
    expect(rows.filter(({ attack, defence }) => attack === '' || defence === '')).toEqual([]);
  });

  it.each(rows)('names the tests that hold $id, and they exist', ({ test }) => expectTests(test));

  it('names the tests that hold the attacks without a number too', () => {
    expect(others.length).toBeGreaterThan(10);
    for (const cells of others) {
      // Nothing before the first bar and after the last.
      expect(cells).toHaveLength(5);
      expectTests(cells[3] ?? '');
    }
  });

  it('leads to pages that are there', () => {
    const links = [...page.matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)].map((match) => match[1] ?? '');
    expect(links.filter((link) => !existsSync(`docs/${link}`))).toEqual([]);
  });
});
