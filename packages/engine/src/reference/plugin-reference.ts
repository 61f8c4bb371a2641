// Makes docs/reference/plugins.md from the stubs of the plugins that come with Rivet.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { renderStub } from './lua-reference.ts';
import { parseStub, type Stub } from './stub-parser.ts';

/**
 * The stubs of plugins by name. Unlike a core module a plugin is no global: the lines that make it
 * a local and return it are left out.
 */
export function readPluginStubs(directory: string): Stub[] {
  return readdirSync(directory)
    .sort()
    .map((name) => {
      const text = readFileSync(join(directory, name, 'stubs', `${name}.lua`), 'utf8');
      const global = text
        .replace(/^---@meta .*$/m, '---@meta')
        .replace(`\nlocal ${name} = {}\n`, `\n${name} = {}\n`)
        .replace(`\nreturn ${name}\n`, '\n');
      return parseStub(name, global);
    });
}

/**
 * The text of docs/reference/plugins.md.
 * @param directory where the plugins lie
 */
export function renderPluginReference(directory: string): string {
  const stubs = readPluginStubs(directory);
  const contents = stubs.map(({ module }) => `- [${module}](#${module})`).join('\n');
  return `${introduction}\n${contents}\n\n${stubs.map(renderStub).join('\n')}`;
}

const introduction = `# The plugins that come with Rivet

A pipeline that names a plugin (\`plugins = { "git" }\`) gets its functions with \`require("git")\`; the
[guide](../guide/plugins.md) says how plugins are found, and how to write one. This page is made from the
stubs in \`plugins/\` by \`npm run docs\`; a test fails when stubs, this page and the plugins differ.
`;
