// What a terminal would obey never reaches it.
import { processorMsOf } from '@rivet/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { inertLine, inertText } from './inert.ts';
import { terminalAttacks } from './testing/terminal-attacks.ts';

const ESC = '\u001b';
const colored = (text: string) => inertLine(text, { color: true });
const plain = (text: string) => inertLine(text, { color: false });

describe('inertLine', () => {
  it('keeps plain text as it is', () => {
    expect(colored('make: *** [all] Fehler 2\täöü 日本 🎉')).toBe(
      'make: *** [all] Fehler 2\täöü 日本 🎉',
    );
  });

  it('keeps colours and ends the line without them', () => {
    expect(colored(`${ESC}[1;31mred`)).toBe(`${ESC}[1;31mred${ESC}[0m`);
    expect(colored(`${ESC}[38;5;208mo${ESC}[0m`)).toBe(`${ESC}[38;5;208mo${ESC}[0m`);
    expect(colored(`${ESC}[38;2;1;2;3mx`)).toBe(`${ESC}[38;2;1;2;3mx${ESC}[0m`);
  });

  it('drops colours where there are none', () => {
    expect(plain(`${ESC}[1;31mred${ESC}[0m`)).toBe('red');
  });

  it.each([
    ['conceal', `${ESC}[8mhidden`, 'hidden'],
    ['blink', `${ESC}[5mblink`, 'blink'],
    ['title', `${ESC}]0;owned\u0007after`, 'after'],
    ['title ended by ST', `${ESC}]2;owned${ESC}\\after`, 'after'],
    ['hyperlink', `${ESC}]8;;http://evil${ESC}\\click${ESC}]8;;${ESC}\\`, 'click'],
    ['clipboard', `${ESC}]52;c;ZXZpbA==\u0007after`, 'after'],
    ['DECRQSS', `${ESC}P$q"p${ESC}\\after`, 'after'],
    ['APC', `${ESC}_secret${ESC}\\after`, 'after'],
    ['PM', `${ESC}^secret${ESC}\\after`, 'after'],
    ['SOS', `${ESC}Xsecret${ESC}\\after`, 'after'],
    ['clear screen', `${ESC}[2Jafter`, 'after'],
    ['cursor up', `${ESC}[5Aafter`, 'after'],
    ['device status', `${ESC}[6nafter`, 'after'],
    ['private mode', `${ESC}[?1049hafter`, 'after'],
    ['key report with an m', `${ESC}[>4;2mafter`, 'after'],
    ['reset', `${ESC}cafter`, 'after'],
    ['character set', `${ESC}(0after`, 'after'],
    ['C1 CSI', '\u009b2Jafter', 'after'],
    ['C1 OSC', '\u009d0;owned\u009cafter', 'after'],
  ])('drops %s', (_name, text, shown) => {
    expect(colored(text)).toBe(shown);
  });

  it('shows what follows an unterminated sequence, so that nothing hides', () => {
    expect(colored(`${ESC}]0;rm -rf`)).toBe('0;rm -rf');
    expect(colored(`a${ESC}`)).toBe('a␛');
  });

  it('shows control and direction characters as symbols', () => {
    expect(colored('a\u0000b\u0008c\u007f')).toBe('a␀b␈c␡');
    expect(colored('abc\rX')).toBe('abc␍X');
    expect(colored('abc\r')).toBe('abc');
    expect(colored('\u202Egpj.exe')).toBe('<U+202E>gpj.exe');
    expect(colored('a\u2028b')).toBe('a<U+2028>b');
  });

  it.each(terminalAttacks)('takes the sting out of: %s', (_name, text) => {
    for (const color of [true, false]) {
      const shown = inertText(text, { color });
      // What an SGR code may say: nothing but numbers of colours and styles.
      // biome-ignore lint/suspicious/noControlCharactersInRegex: it looks for control characters
      const rest = shown.replaceAll(/\u001b\[\d{1,3}(;\d{1,3})*m/g, color ? '' : '$&');
      expect(rest).toMatch(/^before.*ter$/);
      expect(rest).not.toMatch(/[\p{Cc}\p{Bidi_Control}\u2028\u2029\u200b\u2060\ufeff]/u);
      expect(rest).not.toMatch(/[\u{e0000}-\u{e007f}]/u);
    }
  });

  it('leaves what words and emoji are spelled with', () => {
    expect(colored('👩‍👩‍👧 ✌️ می‌خواهم')).toBe('👩‍👩‍👧 ✌️ می‌خواهم');
  });

  it('lets no byte through that a terminal would obey, whatever the text', () => {
    const nasty = fc.string({
      unit: fc.constantFrom(
        ...`${ESC}[]P^_X\\;:?>0189mJhA\u0007\u009b\u009c\u009d\u0090\r\n\ta\u202e`,
      ),
      maxLength: 40,
    });
    fc.assert(
      fc.property(nasty, (text) => {
        const shown = inertText(text, { color: true });
        // biome-ignore lint/suspicious/noControlCharactersInRegex: it looks for control characters
        const rest = shown.replaceAll(/\u001b\[[0-9;]*m/g, '');
        expect(rest).not.toMatch(/(?![\t\n])\p{Cc}/u);
        expect(inertText(text, { color: false })).not.toMatch(/(?![\t\n])\p{Cc}/u);
      }),
      { numRuns: 2000 },
    );
  });

  it('takes time in proportion to the text', async () => {
    const hostile = `${ESC}]`.repeat(200_000);
    expect(await processorMsOf(() => colored(hostile))).toBeLessThan(2000);
  });
});
