// Finds addresses in log text that may become links.

export interface TextPart {
  readonly text: string;
  /** The address, which is exactly the text, so that a link leads where it says. */
  readonly href?: string;
}

// Plain ASCII only: no look-alike letters, no user names before a host, no quotes or brackets.
const ADDRESS =
  /https?:\/\/[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?(?::\d{1,5})?(?:[/?#][\w\-./?#%&=+~:;,@!$*()[\]]{0,2000})?/g;

/** Ends a sentence rather than an address. */
const SENTENCE_END = /[.,:;!?)\]]+$/;

/** `text` in parts, of which those that are whole http or https addresses have an `href`. */
export function splitLinks(text: string): TextPart[] {
  if (!text.includes('://')) return [{ text }];
  const parts: TextPart[] = [];
  let from = 0;
  for (const match of text.matchAll(ADDRESS)) {
    const { index } = match;
    const after = text[index + match[0].length] ?? '';
    // "https://known.example@other" leads to "other": no link at all is better than half of one.
    if (after === '@' || after === '\\') continue;
    if (/[\w-]/.test(text[index - 1] ?? '')) continue;
    const href = match[0].replace(SENTENCE_END, '');
    if (index > from) parts.push({ text: text.slice(from, index) });
    parts.push({ text: href, href });
    from = index + href.length;
  }
  if (from < text.length) parts.push({ text: text.slice(from) });
  return parts;
}
