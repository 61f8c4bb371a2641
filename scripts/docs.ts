// `npm run docs`: writes the pages that are made from code. The tests beside the makers compare
// them.
import { writeFileSync } from 'node:fs';
import { renderCliReference } from '../apps/cli/src/reference-page.ts';
import { renderPermissionsPage } from '../apps/orchestrator/src/access/permissions-page.ts';
import { renderLuaReference } from '../packages/engine/src/reference/lua-reference.ts';
import { renderPluginReference } from '../packages/engine/src/reference/plugin-reference.ts';
import { renderLuaDifferences } from '../packages/lua/differential/differences-page.ts';
import { renderErrorsPage } from './errors-page.ts';

const pages: readonly (readonly [path: string, text: string])[] = [
  ['docs/errors.md', renderErrorsPage()],
  ['docs/reference/lua.md', renderLuaReference('stubs')],
  ['docs/reference/plugins.md', renderPluginReference('plugins')],
  ['docs/reference/lua-differences.md', renderLuaDifferences()],
  ['docs/reference/permissions.md', renderPermissionsPage()],
  ['docs/reference/cli.md', await renderCliReference()],
];

for (const [path, text] of pages) {
  writeFileSync(path, text);
  process.stdout.write(`wrote ${path}\n`);
}
