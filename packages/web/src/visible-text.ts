// Text of users as markup in which every character can be seen.
import { findInvisible, nameInvisible } from './log-line/invisible.ts';
import { type Html, html } from './template/html.ts';

/** Characters of one text that a page shows; a value may have megabytes. */
const LENGTH_MAX = 2000;

/**
 * Text that users wrote: invisible characters named, its direction of writing kept to itself, cut
 * when it is very long. Line feeds and tabs stay. Whatever it looks like, htmx finds nothing in it.
 * @param lengthMax characters that are shown
 */
export function userText(text: string, lengthMax = LENGTH_MAX): Html {
  const shown = text.slice(0, lengthMax);
  const parts: Html[] = [];
  let from = 0;
  let search = 0;
  for (let found = findInvisible(shown, 0); found; found = findInvisible(shown, search)) {
    const { index, character } = found;
    search = index + character.length;
    if (character === '\n') continue;
    parts.push(html`${shown.slice(from, index)}${invisible(character)}`);
    from = search;
  }
  const left = text.length - shown.length;
  const note =
    left === 0
      ? null
      : html`<span class="note"> … ${left.toLocaleString('en')} more characters</span>`;
  return html`<bdi hx-disable>${parts}${shown.slice(from)}${note}</bdi>`;
}

function invisible(character: string): Html {
  return html`<span class="invisible">${nameInvisible(character)}</span>`;
}
