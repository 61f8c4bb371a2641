// The page docs/reference/cli.md is what the commands say.
import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { renderCliReference } from './reference-page.ts';

it('docs/reference/cli.md is made from the commands', async () => {
  const page = new URL('../../../docs/reference/cli.md', import.meta.url);
  const written = await readFile(page, 'utf8').catch(() => 'not there');
  expect(written, 'run `npm run docs` and commit the page').toBe(await renderCliReference());
});
