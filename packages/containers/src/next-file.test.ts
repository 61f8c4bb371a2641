// What a shell finds that looks for what is to begin, at any moment.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { clearNext, dropNext, leftNext, writeNext } from './next-file.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'rivet-next-file-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const read = (name: string): string => readFileSync(join(directory, name), 'utf8');

it('says which slot begins, then none, and is gone in the end', () => {
  // A process that was killed has left it.
  writeFileSync(join(directory, 'c1.next.new'), 'half');
  writeNext(directory, 'c1', { name: 'slot.2', fifo: 'slot0.1' });
  expect(read('c1.next')).toBe('rivet_next=slot.2 rivet_fifo=slot0.1\n');
  expect(leftNext(directory)).toEqual(['c1']);
  clearNext(directory, 'c1');
  expect(read('c1.next')).toBe('');
  dropNext(directory, 'c1');
  expect(readdirSync(directory)).toEqual([]);
});

it.each([
  ['slot.2; id', 'slot0'],
  ['slot.2', '../x'],
  ['', 'slot0'],
])('takes no names that a shell would read as more: %j, %j', (name, fifo) => {
  expect(() => writeNext(directory, 'c1', { name, fifo })).toThrow('no name of a slot');
  expect(readdirSync(directory)).toEqual([]);
});

it('says nothing in a directory that is gone', () => {
  rmSync(directory, { recursive: true });
  clearNext(directory, 'c1');
  dropNext(directory, 'c1');
});
