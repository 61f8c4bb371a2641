// Finds characters that cannot be seen or that reorder what is seen, and names them.

/**
 * Controls, line separators, everything that Unicode has as ignorable (bidirectional controls, zero
 * width characters, tags, variation selectors), and lone surrogates. No `g`: see `findInvisible`.
 */
const INVISIBLE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what it looks for
  /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u2028\u2029\ufff9-\ufffb\p{Default_Ignorable_Code_Point}\p{Surrogate}]/u;

const INVISIBLE_NEXT = new RegExp(INVISIBLE.source, 'gu');

const ZERO_WIDTH_JOINER = '\u200d';
const ZERO_WIDTH_NON_JOINER = '\u200c';
const VARIATION_SELECTOR = /^[\ufe0e\ufe0f]$/;
const PICTURE_BEFORE = /[\p{Extended_Pictographic}\p{Emoji_Modifier}][\ufe0e\ufe0f]?$/u;
const PICTURE_OR_KEYCAP_BEFORE = /[\p{Extended_Pictographic}\p{Emoji_Modifier}0-9#*]$/u;
const PICTURE_AFTER = /^\p{Extended_Pictographic}/u;
/** Scripts in which joiners belong to correct spelling. */
const JOINING_BEFORE =
  /[\p{Script=Arabic}\p{Script=Devanagari}\p{Script=Bengali}\p{Script=Gujarati}\p{Script=Gurmukhi}\p{Script=Kannada}\p{Script=Malayalam}\p{Script=Oriya}\p{Script=Sinhala}\p{Script=Tamil}\p{Script=Telugu}\p{Script=Mongolian}]$/u;

/**
 * The next character at or after `from` that must be shown by name; undefined when there is none.
 * Joiners and variation selectors that spell an emoji or a word are left alone.
 */
export function findInvisible(
  text: string,
  from: number,
): { readonly index: number; readonly character: string } | undefined {
  INVISIBLE_NEXT.lastIndex = from;
  for (let match = INVISIBLE_NEXT.exec(text); match !== null; match = INVISIBLE_NEXT.exec(text)) {
    const [character] = match;
    const { index } = match;
    const end = index + character.length;
    // Enough for a character of two units and a selector on either side.
    const before = text.slice(Math.max(from, index - 4), index);
    if (!isSpelling(character, before, text.slice(end, end + 2))) return { index, character };
    INVISIBLE_NEXT.lastIndex = end;
  }
  return undefined;
}

function isSpelling(character: string, before: string, after: string): boolean {
  if (VARIATION_SELECTOR.test(character)) return PICTURE_OR_KEYCAP_BEFORE.test(before);
  if (character !== ZERO_WIDTH_JOINER && character !== ZERO_WIDTH_NON_JOINER) return false;
  if (JOINING_BEFORE.test(before)) return true;
  const joins = character === ZERO_WIDTH_JOINER;
  return joins && PICTURE_BEFORE.test(before) && PICTURE_AFTER.test(after);
}

/** What is shown for an invisible character: `␀` for controls, `⟨U+202E⟩` for others. */
export function nameInvisible(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x20) return String.fromCodePoint(0x2400 + code);
  if (code === 0x7f) return '\u2421';
  // A lone half of a character means nothing.
  if (code >= 0xd800 && code <= 0xdfff) return '\ufffd';
  return `\u27e8U+${code.toString(16).toUpperCase().padStart(4, '0')}\u27e9`;
}
