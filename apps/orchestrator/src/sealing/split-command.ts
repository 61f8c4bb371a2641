// Splits the text of a command into its arguments as a shell would, without being one.

/**
 * Words are separated by white space; quotes of either kind keep it, a backslash keeps the next
 * character. Nothing is expanded. Undefined when a quote is not closed or there is no word.
 */
export function splitCommand(text: string): readonly [string, ...string[]] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  let quote: '"' | "'" | undefined;
  for (let index = 0; index < text.length; index += 1) {
    const character = text[index] as string;
    if (character === '\\' && quote !== "'") {
      index += 1;
      if (index === text.length) return undefined;
      word = (word ?? '') + text[index];
    } else if (character === quote) {
      quote = undefined;
    } else if (quote === undefined && (character === '"' || character === "'")) {
      quote = character;
      // `""` is a word too.
      word ??= '';
    } else if (quote === undefined && /\s/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else {
      word = (word ?? '') + character;
    }
  }
  if (quote !== undefined) return undefined;
  if (word !== undefined) words.push(word);
  const [file, ...args] = words;
  return file === undefined || file === '' ? undefined : [file, ...args];
}
