// Reads a line of a log, which anybody may have written, as spans of text that are safe to show.
import { ESCAPE_BEGINNINGS, EscapeReader } from './escape-sequence.ts';
import { findInvisible, nameInvisible } from './invisible.ts';
import { splitLinks } from './links.ts';
import { applySgr, PLAIN, styleClasses } from './text-style.ts';

/** A piece of a line that looks the same all over. */
export interface LogSpan {
  readonly text: string;
  /** Names of the style sheet's classes; from a fixed set, never from the line. */
  readonly classes: readonly string[];
  readonly href?: string;
}

/** Characters shown of a line: several screens. A runner puts up to 65,536 into one. */
export const SHOWN_MAX = 10_000;
/** Spans of a line: a change of colour at each character would be heavier than its text. */
const SPANS_MAX = 2000;
/** Terminal sequences of a line: many that show nothing take time too. */
const SEQUENCES_MAX = 20_000;

const SPECIAL = new RegExp(`[${ESCAPE_BEGINNINGS}]`, 'g');

/**
 * The spans of a line. Colours and styles are kept, within the line. All other terminal sequences
 * are dropped when they are whole; what is not a whole sequence is shown. A carriage return begins
 * the line anew, as on a terminal; that something was there before is marked. Characters that
 * cannot be seen are named. Takes time in proportion to the text and gives about 10,000 characters
 * in 2,000 spans at most, and then says how much was cut.
 */
export function readLogSpans(line: string): LogSpan[] {
  const { text, overwritten } = afterReturns(line.replace(/(\r\n|\r|\n)$/, ''));
  const spans = readSpans(text);
  if (overwritten === 0) return spans;
  return [note(`\u21ba ${overwritten.toLocaleString('en')} overwritten `), ...spans];
}

/** What is left on a line after its carriage returns, and how often there was something before. */
function afterReturns(line: string): { text: string; overwritten: number } {
  let end = line.length;
  while (line[end - 1] === '\r') end -= 1;
  const begin = line.lastIndexOf('\r', end - 1) + 1;
  let overwritten = 0;
  for (let index = 0; index < begin; ) {
    const next = line.indexOf('\r', index);
    if (next > index) overwritten += 1;
    index = next + 1;
  }
  return { text: line.slice(begin, end), overwritten };
}

function readSpans(text: string): LogSpan[] {
  const writer = new SpanWriter();
  const escapes = new EscapeReader(text);
  let style = PLAIN;
  let classes = styleClasses(style);
  let index = 0;
  let sequences = 0;
  while (index < text.length && !writer.full && sequences < SEQUENCES_MAX) {
    SPECIAL.lastIndex = index;
    const special = SPECIAL.exec(text)?.index ?? text.length;
    index += writer.text(text.slice(index, special), classes);
    if (index < special || special === text.length) continue;
    const sequence = escapes.read(index);
    sequences += 1;
    if (sequence.kind === 'none') {
      writer.invisible(text[index] ?? '');
      index += 1;
      continue;
    }
    if (sequence.kind === 'style') {
      style = applySgr(style, sequence.parameters);
      classes = styleClasses(style);
    }
    index += sequence.length;
  }
  if (index === text.length) return writer.spans;
  const left = (text.length - index).toLocaleString('en');
  return [...writer.spans, note(` \u2026 ${left} more characters, which the raw log has`)];
}

class SpanWriter {
  readonly spans: LogSpan[] = [];
  #shown = 0;

  get full(): boolean {
    return this.#shown >= SHOWN_MAX || this.spans.length >= SPANS_MAX;
  }

  /** Writes as much as there is room for, and says how much that was. */
  text(text: string, classes: readonly string[]): number {
    let from = 0;
    while (from < text.length && !this.full) {
      const found = findInvisible(text, from);
      const end = Math.min(found?.index ?? text.length, from + SHOWN_MAX - this.#shown);
      for (const part of splitLinks(text.slice(from, end))) this.#push({ ...part, classes });
      from = end;
      if (found?.index !== end || this.full) continue;
      this.invisible(found.character);
      from += found.character.length;
    }
    return from;
  }

  invisible(character: string): void {
    this.#push({ text: nameInvisible(character), classes: ['invisible'] });
  }

  #push(span: LogSpan): void {
    this.#shown += span.text.length;
    const last = this.spans.at(-1);
    const same = last !== undefined && last.classes.join() === span.classes.join();
    if (same && last.href === undefined && span.href === undefined) {
      this.spans[this.spans.length - 1] = { ...last, text: last.text + span.text };
    } else this.spans.push(span);
  }
}

/** Something that Rivet says about a line, and no line can say: the class is not for text of it. */
function note(text: string): LogSpan {
  return { text, classes: ['note'] };
}
