// What becomes of hostile log lines: styles stay, all else is shown or dropped, never obeyed.
import { hostileMarkup, hostileSequences, processorMsOf } from '@rivet/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readLogSpans, SHOWN_MAX } from './log-spans.ts';
import { renderLogLine } from './render-log-line.ts';

const ESC = '\u001b';
const render = (line: string): string => String(renderLogLine(line));
const shown = (line: string): string =>
  readLogSpans(line)
    .map(({ text }) => text)
    .join('');

/** The tags in markup, with their attributes. */
const tags = (markup: string): string[] => markup.match(/<[^>]*>/g) ?? [];
const SAFE_TAG =
  /^(<span class="[a-z0-9 -]+">|<\/span>|<a href="https?:\/\/[^"<>]+" rel="noopener noreferrer nofollow" target="_blank">|<\/a>)$/;
const NOT_SHOWN =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they must not come through
  /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\u2028\u2029\u200b]/;

describe('a line of a log', () => {
  it.each([
    ['plain', 'plain'],
    ['a < b & c', 'a &lt; b &amp; c'],
    [`${ESC}[1;31mred${ESC}[0m rest`, '<span class="fg-1 bold">red</span> rest'],
    [`${ESC}[mplain`, 'plain'],
    [`${ESC}[38;5;208morange`, '<span class="fg-208">orange</span>'],
    [`${ESC}[48;2;255;0;0mred`, '<span class="bg-196">red</span>'],
    [`${ESC}[38:2::0:255:0mgreen`, '<span class="fg-46">green</span>'],
    [`${ESC}[38:5:9;1mred`, '<span class="fg-9 bold">red</span>'],
    [`${ESC}[97;44mx`, '<span class="fg-15 bg-4">x</span>'],
    [`${ESC}[4;7;9;3;2mx${ESC}[22;23;24;27;29my`, undefined],
    [`a${ESC}]8;;javascript:alert(1)${ESC}\\b${ESC}]8;;${ESC}\\c`, 'abc'],
    [`a${ESC}[2Jb${ESC}(Bc${ESC}cd`, 'abcd'],
    ['tab\there', 'tab\there'],
    ['ended\r', 'ended'],
  ])('%j is shown as %j', (line, markup) => {
    const expected = markup ?? '<span class="dim italic underline strike inverse">x</span>y';
    expect(render(line)).toBe(expected);
  });

  it('is shown, not obeyed, where a sequence is not whole', () => {
    expect(shown(`a${ESC}]0;rest of the line`)).toBe('a\u241b]0;rest of the line');
    expect(shown(`a${ESC}[31`)).toBe('a\u241b[31');
    expect(shown(`a${ESC}Pq rest`)).toBe('a\u241bPq rest');
    expect(shown(`a${ESC}`)).toBe('a\u241b');
    expect(shown(`a\u009d0;${'x'.repeat(5000)}\u009cb`)).toContain('\u27e8U+009D\u27e90;xxx');
  });

  it('cannot hide text', () => {
    expect(render(`${ESC}[8mhidden`)).toBe('hidden');
    expect(render(`${ESC}[30;40mhidden`)).toBe('<span class="fg-0">hidden</span>');
    expect(render('rm -rf /\rok')).toBe('<span class="note">\u21ba 1 overwritten </span>ok');
    expect(shown('1%\r2%\r3%\r')).toBe('\u21ba 2 overwritten 3%');
    expect(shown('a\u202eb')).toBe('a\u27e8U+202E\u27e9b');
    expect(shown('a\0b\bc\u007f')).toBe('a\u2400b\u2408c\u2421');
    expect(shown('a\u200bb\u{e0041}c')).toBe('a\u27e8U+200B\u27e9b\u27e8U+E0041\u27e9c');
    expect(shown('a\ud800b')).toBe('a\ufffdb');
  });

  it.each(['👩‍💻', '👨‍👩‍👧', '❤️ 1️⃣', 'می‌خواهم', 'क्‍ष', 'naïve café', '日本語', 'שלום'])(
    'keeps %s as it is written',
    (text) => {
      expect(shown(text)).toBe(text);
    },
  );

  it('cannot say in the name of Rivet that something was cut or overwritten', () => {
    expect(render('\u21ba 1 overwritten x')).toBe('\u21ba 1 overwritten x');
  });

  it('gets links for whole http addresses only, to exactly what is written', () => {
    const link = (url: string): string =>
      `<a href="${url}" rel="noopener noreferrer nofollow" target="_blank">${url}</a>`;
    const url = 'https://example.com/a?b=c#d';
    expect(render(`see ${url}.`)).toBe(`see ${link(url)}.`);
    expect(render(`(${url})`)).toBe(`(${link(url)})`);
    expect(render(`${ESC}[31m${url}`)).toBe(`<span class="fg-1">${link(url)}</span>`);
    for (const text of [
      'javascript://example.com/%0aalert(1)',
      'https://known.example@evil.invalid/',
      'https://known.example\\@evil.invalid',
      'https://ex\u0430mple.com'.replace('https://ex', 'https://'),
      'xhttps://example.com',
      'ftp://example.com',
      '//example.com',
      'https://',
    ]) {
      expect(render(text), text).not.toContain('<a ');
    }
  });

  it.each([...hostileMarkup, ...hostileSequences])('has only safe elements: %j', (line) => {
    const markup = render(line);
    for (const tag of tags(markup)) expect(tag).toMatch(SAFE_TAG);
    expect(markup).not.toMatch(NOT_SHOWN);
    expect(shown(line)).not.toMatch(NOT_SHOWN);
  });

  it.each(hostileSequences)('still shows its text: %j', (line) => {
    expect(shown(line)).toContain('text');
  });

  it('has only safe elements whatever it holds', () => {
    const pieces = fc.constantFrom(...hostileMarkup, ...hostileSequences, ESC, '[', ']', 'm', '\r');
    const line = fc
      .array(fc.oneof(pieces, fc.string({ unit: 'binary' })))
      .map((all) => all.join(''));
    fc.assert(
      fc.property(line, (text) => {
        const markup = render(text);
        for (const tag of tags(markup)) expect(tag).toMatch(SAFE_TAG);
        expect(markup).not.toMatch(NOT_SHOWN);
      }),
      { numRuns: 500 },
    );
  });

  it('keeps every character that is not part of a sequence', () => {
    const text = fc.string({ unit: fc.constantFrom('a', ' ', '<', '&', '"', 'é', '日', '[', 'm') });
    fc.assert(
      fc.property(text, (plain) => {
        expect(shown(plain)).toBe(plain);
      }),
    );
  });
});

describe('a line of 10 MB', () => {
  const MEGABYTES = 10 * 1024 * 1024;
  const fill = (piece: string): string => piece.repeat(Math.ceil(MEGABYTES / piece.length));

  it.each([
    ['letters', 'x'],
    ['colours', `${ESC}[31mx${ESC}[32my`],
    ['colours without text', `${ESC}[31m`],
    ['titles without an end', `${ESC}]0;`],
    ['device controls of one byte', '\u0090'],
    ['escapes', ESC],
    ['control sequences without an end', `${ESC}[0;`],
    ['carriage returns', '1%\r'],
    ['bidirectional controls', '\u202e'],
    ['joiners', '\u200d'],
    ['accents', '\u0301'],
    ['markup', '<script>'],
    ['addresses', 'http://a.b/'],
    ['addresses without an end', 'http://a@'],
    ['halves of characters', '\ud800'],
  ])('of %s takes little time and little markup, and says that it was cut', async (_, piece) => {
    const line = fill(piece);
    let markup = '';
    const draw = (): void => {
      markup = render(line);
    };
    // Hundredths of a second.
    expect(await processorMsOf(draw)).toBeLessThan(1000);
    expect(markup.length).toBeLessThan(500_000);
    if (piece !== '1%\r') {
      expect(markup).toMatch(/ \u2026 [\d,]+ more characters, which the raw log has<\/span>$/);
    }
  });

  it('counts what was cut', () => {
    const last = readLogSpans('x'.repeat(SHOWN_MAX + 1234)).at(-1);
    expect(last).toEqual({
      text: ' \u2026 1,234 more characters, which the raw log has',
      classes: ['note'],
    });
  });
});
