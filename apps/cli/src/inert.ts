// Makes text from jobs and servers harmless to a terminal: only SGR colours pass (catalogue S9).

// Everything that is not plain printable text: C0 (a tab is plain), DEL, C1, line separators, what
// turns the direction of text, and what cannot be seen. Joiners and variation selectors stay: words
// and emoji are spelled with them.
const SUSPECT =
  /(?!\t)[\p{Cc}\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/u;
const SUSPECTS = new RegExp(SUSPECT.source, 'gu');

const ESC = '\\u001b';
// A string terminator is BEL, ESC \ or the C1 ST; a string sequence never crosses a line here.
const STRING_END = `(?:\\u0007|${ESC}\\\\|\\u009c)`;
const SEQUENCES = new RegExp(
  [
    `(?:${ESC}\\[|\\u009b)(?<params>[0-?]*)(?<between>[ -/]*)(?<final>[@-~])`,
    `(?:${ESC}[\\]PX^_]|[\\u009d\\u0090\\u0098\\u009e\\u009f])[^\\u0007\\u001b\\u009c]*${STRING_END}`,
    // Unterminated introducers go alone, so that what follows them is shown and nothing hides.
    `(?:${ESC}[\\[\\]PX^_]|[\\u009b\\u009d\\u0090\\u0098\\u009e\\u009f])`,
    `${ESC}[ -/]*[0-~]`,
  ].join('|'),
  'g',
);
const RESET = '\u001b[0m';

/**
 * One line of text without anything a terminal would obey. Complete control sequences are dropped,
 * single control and direction characters are shown as symbols; a line that coloured ends
 * uncoloured.
 * @param options.color whether SGR colours pass; without, they are dropped too
 */
export function inertLine(line: string, options: { color: boolean }): string {
  if (!SUSPECT.test(line)) return line;
  let last = '0';
  // Kept sequences are parked as private-use text, so that the second pass meets no escape.
  const kept: string[] = [];
  const parked = line.replaceAll('\u{f8fd}', '\u{fffd}').replaceAll(SEQUENCES, (...match) => {
    const groups = match.at(-1) as { params?: string; between?: string; final?: string };
    if (!options.color || groups.final !== 'm' || groups.between !== '') return '';
    const sgr = allowedSgr(groups.params ?? '');
    if (sgr === undefined) return '';
    last = sgr;
    kept.push(`\u001b[${sgr}m`);
    return '\u{f8fd}';
  });
  let next = 0;
  const shown = parked
    .replace(/\r+$/, '')
    .replaceAll(SUSPECTS, symbolOf)
    .replaceAll('\u{f8fd}', () => {
      next += 1;
      return kept[next - 1] ?? '';
    });
  return last === '0' ? shown : shown + RESET;
}

/** Text of several lines, each made inert. */
export function inertText(text: string, options: { color: boolean }): string {
  if (!SUSPECT.test(text)) return text;
  return text
    .split('\n')
    .map((line) => inertLine(line, options))
    .join('\n');
}

/** Colour, weight and underline; never conceal (8) or blink. Undefined when nothing is left. */
function allowedSgr(params: string): string | undefined {
  if (!/^[0-9;:]*$/.test(params)) return undefined;
  const codes = params.replaceAll(':', ';').split(';').map(Number);
  const allowed: number[] = [];
  for (let at = 0; at < codes.length; at += 1) {
    const code = codes[at] ?? 0;
    if (code === 38 || code === 48) {
      // 38;5;n is a colour of the palette, 38;2;r;g;b one of its own.
      const length = codes[at + 1] === 5 ? 3 : codes[at + 1] === 2 ? 5 : 1;
      const color = codes.slice(at, at + length);
      if (length > 1 && color.length === length && color.every((part) => part <= 255)) {
        allowed.push(...color);
      }
      at += length - 1;
    } else if (isPlainSgr(code)) {
      allowed.push(code);
    }
  }
  return allowed.length === 0 ? undefined : allowed.join(';');
}

function isPlainSgr(code: number): boolean {
  const weight = code <= 4 || code === 7 || code === 9 || (code >= 21 && code <= 29);
  const color = (code >= 30 && code <= 49) || (code >= 90 && code <= 107);
  return weight || color;
}

function symbolOf(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x20) return String.fromCodePoint(0x2400 + code);
  if (code === 0x7f) return '\u2421';
  return `<U+${code.toString(16).toUpperCase().padStart(4, '0')}>`;
}
