// The guide to testing: its pipeline and tests are run, and what it shows is what comes out.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { cli } from './testing/run-cli.ts';

// Each test starts programs, on machines that may be busy.
vi.setConfig({ testTimeout: 60_000 });

let directory: string;
let page: string;
beforeAll(async () => {
  page = await readFile(new URL('../../../docs/guide/testing.md', import.meta.url), 'utf8');
  directory = await mkdtemp(join(tmpdir(), 'rivet-guide-'));
  const blocks = [...page.matchAll(/^```lua (\S+)\n([^`]*)^```/gm)];
  expect(blocks.map(([, name]) => name)).toEqual([
    'pipeline.lua',
    'pipeline_test.lua',
    'first_test.lua',
  ]);
  for (const [, name = '', source = ''] of blocks) await writeFile(join(directory, name), source);
});
afterAll(() => rm(directory, { recursive: true, force: true }));

/** Without what differs from run to run, and without the log of failures. */
function still(text: string): string {
  return text
    .replaceAll(/\([\d.]+(?:ms|s)\)/g, '(…)')
    .replace(/^ {7}log:\n( {9}.*\n)+/gm, '')
    .replace(/\n+\d+ failed.*\n$/, '')
    .trimEnd();
}

test.each(['pipeline_test.lua', 'first_test.lua'])(
  'docs/guide/testing.md shows what comes out of %s',
  async (file) => {
    const { stdout } = await cli('test', file).in(directory).exits(1).run();
    const shown = [...page.matchAll(/^```text\n([^`]*)^```/gm)].map(([, text = '']) => text);
    const wanted = shown.find((text) => text.startsWith(file)) ?? '';
    expect(still(stdout)).toBe(still(wanted));
  },
);
