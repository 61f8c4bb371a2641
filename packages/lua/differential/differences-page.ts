// The page docs/reference/lua-differences.md, made from the list of deliberate differences.
import { DELIBERATE, type DeliberateDifference } from './deliberate.ts';

const OPENING = `# Where Rivet's Lua differs from Lua 5.3

<!-- Made by \`npm run docs\` from packages/lua/differential/deliberate.ts. -->

Rivet runs Lua 5.3. More than 20,000 generated programs run in Rivet and in Debian's \`lua5.3\` in every test
run, and print the same. These are the differences, all of them on purpose; each example is run by a
test too.
`;

export function renderLuaDifferences(): string {
  return `${[OPENING, ...DELIBERATE.map(section)].join('\n')}`;
}

function section({ title, reason, source, lua, rivet }: DeliberateDifference): string {
  const shown = lua === undefined ? [] : ['Lua 5.3 prints', '', block('text', lua), ''];
  return [
    `## ${title}`,
    '',
    reason,
    '',
    block('lua', source),
    '',
    ...shown,
    lua === undefined ? 'Rivet prints' : 'and Rivet prints',
    '',
    block('text', rivet),
    '',
  ].join('\n');
}

function block(language: string, text: string): string {
  return `\`\`\`${language}\n${text}\n\`\`\``;
}
