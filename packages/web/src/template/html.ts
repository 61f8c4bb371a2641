// The template of pages: every value is escaped for the place it stands in; nothing is trusted
// because it is text.
import { type Place, placesOf } from './places.ts';
import { safeUrl } from './safe-url.ts';

/** Markup that may stand in a page as it is. Made by `html` and `trustedHtml` only. */
export class Html {
  readonly #markup: string;

  private constructor(markup: string) {
    this.#markup = markup;
  }

  /** Only for this file: `html` and `trustedHtml` are the ways in. */
  static of(markup: string): Html {
    return new Html(markup);
  }

  toString(): string {
    return this.#markup;
  }
}

/** What a template takes. `false`, `null` and `undefined` are nothing; lists are joined. */
export type HtmlValue =
  | Html
  | string
  | number
  | bigint
  | boolean
  | null
  | undefined
  | readonly HtmlValue[];

/** Places of a template's values, found once for each template in the code. */
const placesByTemplate = new WeakMap<TemplateStringsArray, readonly Place[]>();

/**
 * Markup with values. A value may stand in text or inside a quoted attribute; in attributes that
 * hold an address only http, https and addresses of this site stay, anything else becomes
 * `about:invalid`; after a beginning that the template gives (`/jobs/`) a value is one segment of a
 * path or one value of a query, whatever is in it. A template with a value anywhere else throws the
 * first time it is used.
 */
export function html(strings: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  let places = placesByTemplate.get(strings);
  if (places === undefined) {
    places = placesOf(strings);
    placesByTemplate.set(strings, places);
  }
  let markup = strings[0] ?? '';
  for (const [index, value] of values.entries()) {
    markup += write(value, places[index] ?? 'text') + (strings[index + 1] ?? '');
  }
  return Html.of(markup);
}

/**
 * Takes `markup` as it is. The only way around escaping: a call is a claim that nothing in it comes
 * from a user, a job or a database without having been escaped.
 */
export function trustedHtml(markup: string): Html {
  return Html.of(markup);
}

function write(value: HtmlValue, place: Place): string {
  if (value === null || value === undefined || value === false || value === true) return '';
  if (Array.isArray(value)) return value.map((item) => write(item, place)).join('');
  if (value instanceof Html) {
    // Markup is no value of an attribute: its quotes would end it.
    return place === 'text' ? String(value) : escapeHtml(String(value));
  }
  const text = String(value);
  if (place === 'url') return escapeHtml(safeUrl(text));
  // These would climb, and browsers read `%2E` as a dot too: no encoding helps.
  if (place === 'url-segment' && /^\.{1,2}$/.test(text)) return '%EF%BF%BD';
  if (place === 'url-segment' || place === 'url-part') {
    return escapeHtml(encodeURIComponent(text.toWellFormed()));
  }
  return escapeHtml(text);
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '`': '&#96;',
  // A document with NUL is not well-formed, and a lone surrogate cannot be sent as UTF-8.
  '\0': '\u{fffd}',
};

/** `text` as text or as the value of a quoted attribute. */
function escapeHtml(text: string): string {
  return text.toWellFormed().replaceAll(/[&<>"'`\0]/g, (character) => ESCAPES[character] ?? '');
}
