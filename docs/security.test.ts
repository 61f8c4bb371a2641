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

describe('the table of attacks in docs/security.md', () => {
  it('has S1 to S28, each once and in order, with an attack and a defence', () => {
    expect(rows.map(({ id }) => id)).toEqual(
      Array.from({ length: 28 }, (_, index) => `S${index + 1}`),
    );
    expect(rows.filter(({ attack, defence }) => attack === '' || defence === '')).toEqual([]);
  });

  it.each(rows)('names the tests that hold $id, and they exist', ({ test }) => {
    const files = [...test.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? '');
    expect(files.length).toBeGreaterThan(0);
    expect(files.filter((file) => !existsSync(file))).toEqual([]);
    expect(files.filter((file) => !file.endsWith('.test.ts'))).toEqual([]);
  });

  it('leads to pages that are there', () => {
    const links = [...page.matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)].map((match) => match[1] ?? '');
    expect(links.filter((link) => !existsSync(`docs/${link}`))).toEqual([]);
  });
});
