// Finds the plugins that a Lua source names in its definition: plugins = { "git" }, :plugin("git").
import { sourceTokens, textOfToken } from '../bundle/required-names.ts';
import { isPluginName } from './plugin-name.ts';

/**
 * The names in the order of the file: the texts of a list that is given to a field `plugins`, its
 * tables' `name` fields, and what `:plugin(…)` is called with. Names that are put together while
 * the file runs are not seen.
 */
export function mentionedPlugins(source: string): string[] {
  if (!source.includes('plugin')) return [];
  const names = new Set<string>();
  const tokens = [...sourceTokens(source)];
  for (const [index, token] of tokens.entries()) {
    const next = tokens[index + 1];
    if (token === 'plugins' && next === '=' && tokens[index + 2] === '{') {
      addList(tokens, index + 3, names);
    }
    if (token === 'plugin' && tokens[index - 1] === ':') {
      addText(tokens[next === '(' ? index + 2 : index + 1], names);
      if (next === '(' && tokens[index + 2] === '{') addList(tokens, index + 3, names);
      if (next === '{') addList(tokens, index + 2, names);
    }
  }
  return [...names];
}

/** From the token after `{` to its `}`: texts of the list, and `name = "…"` in tables of it. */
function addList(tokens: readonly string[], from: number, names: Set<string>): void {
  let depth = 1;
  for (let index = from; index < tokens.length && depth > 0; index += 1) {
    const token = tokens[index];
    if (token === '{') depth += 1;
    else if (token === '}') depth -= 1;
    else if (tokens[index - 1] !== '=' || tokens[index - 2] === 'name') addText(token, names);
  }
}

function addText(token: string | undefined, names: Set<string>): void {
  const text = token === undefined ? undefined : textOfToken(token);
  if (text !== undefined && isPluginName(text)) names.add(text);
}
