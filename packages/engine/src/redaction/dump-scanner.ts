// Finds secrets in dumps: bytes written as numbers with something between them, as by `xxd`, `od`,
// `hexdump -C` and programs that print a buffer.
import type { Automaton } from './automaton.ts';
import { type DumpReading, dumpReadings } from './dump-reading.ts';
import type { Scanner, Span } from './scanner.ts';
import { NUMBER_DIGITS_MAX, WaitingNumbers } from './waiting-numbers.ts';

const LETTER = 0;
const DIGIT = 1;
const MARK = 2;
const BETWEEN = 3;
const LINE_END = 4;

/** What each byte is in a dump. */
const CLASS = new Uint8Array(256);
for (const byte of Buffer.from('!#$&*+./<=>?@^`~')) CLASS[byte] = MARK;
for (const byte of Buffer.from('0123456789abcdefABCDEF')) CLASS[byte] = DIGIT;
for (const byte of Buffer.from(' \t,:;-%\\|[](){}"\'')) CLASS[byte] = BETWEEN;
for (const byte of Buffer.from('\r\n')) CLASS[byte] = LINE_END;

const [SPACE, TAB, COLON, BAR, GREATER, ZERO, BACKSLASH, X, LINE_FEED] =
  Buffer.from(' \t:|>0\\x\n');
/** More than stands between two numbers of any dump. */
const GAP_BYTES_MAX = 12;
/** Before the column of letters of a line that is not full. */
const GAP_BEFORE_COLUMN_MAX = 128;
/** An offset at the beginning of a line has that many digits; that of `tcpdump` the fewest. */
const OFFSET_DIGITS_MIN = { colon: 4, blank: 6 };
const OFFSET_DIGITS_MAX = 16;
/** A column of letters is not longer. */
const COLUMN_BYTES_MAX = 512;
/** A dump that was cut off is hidden when it has at least this many bytes of a secret. */
const CUT_BYTES_MIN = 8;

/**
 * `word`: in something that is no dump; `prefix`: at the x of `0x`; `column`: in the letters at the
 * end of a line.
 */
type Place = 'word' | 'between' | 'number' | 'prefix' | 'column';

/** Where something begins that may be a dump: most of a log is passed over here. */
function endOfWords(buffer: Uint8Array, from: number, to: number): number {
  let at = from;
  while (at < to) {
    const kind = CLASS[buffer[at] ?? 0] ?? LETTER;
    if (kind < BETWEEN) at += 1;
    else if (kind === BETWEEN && at + 1 < to && beginsWord(buffer, at + 1)) at += 2;
    else return at;
  }
  return at;
}

function beginsWord(buffer: Uint8Array, at: number): boolean {
  const byte = buffer[at] ?? 0;
  const kind = CLASS[byte] ?? LETTER;
  // `\x74` begins with a letter too.
  return kind === MARK || (kind === LETTER && byte !== X);
}

export class DumpScanner implements Scanner {
  spans: Span[] = [];
  readonly #readings: readonly DumpReading[];
  readonly #waiting: WaitingNumbers;
  /** Whether one of the readings is amid a secret. */
  #open = false;
  #place: Place = 'between';
  /** Where the number, the column or what is between began. */
  #since = 0;
  #lineEnds = 0;
  /** The last byte of what is between; 0 before the first. */
  #before = 0;
  /** Nothing of this line was read but its offset. */
  #atLineStart = true;
  /** What stands behind the offset of this line; undefined when it has none. */
  #offset: 'colon' | 'blank' | undefined;
  /** A secret was found in this line, so its column of letters shows it too. */
  #foundInLine = false;

  constructor(automaton: Automaton) {
    this.#readings = dumpReadings(automaton);
    this.#waiting = new WaitingNumbers(automaton);
  }

  scan(buffer: Uint8Array, from: number, to: number): void {
    let at = from;
    while (at < to) {
      if (this.#place === 'word') {
        at = endOfWords(buffer, at, to);
        if (at === to) break;
        this.#beginGap(at);
      } else if (this.#place === 'number') {
        at = this.#endOfNumbers(buffer, at, to);
        if (at === to) break;
        this.#endNumber(buffer, at);
      }
      const byte = buffer[at] ?? 0;
      if (this.#place === 'column') this.#readColumn(buffer, byte, at);
      else if (this.#place === 'between') this.#readGap(buffer, byte, at);
      else if (this.#place === 'prefix') this.#beginGap(at);
      at += 1;
    }
    this.#readWaiting(buffer);
  }

  /** A number with a terminal code in it is none. */
  skip(): void {
    if (this.#place === 'number') this.#forgetAll();
  }

  openFrom(end: number): number {
    const begun = this.#place === 'number' && end - this.#since <= NUMBER_DIGITS_MAX;
    let from = begun ? this.#since : end;
    for (const reading of this.#readings) from = Math.min(from, reading.openFrom(end));
    return from;
  }

  end(buffer: Uint8Array, end: number): void {
    if (this.#place !== 'number') return;
    this.#await(buffer, end);
    this.#readWaiting(buffer);
  }

  cut(buffer: Uint8Array, end: number): void {
    this.end(buffer, end);
    for (const reading of this.#readings) {
      if (reading.depth >= CUT_BYTES_MIN) this.#note({ start: reading.openFrom(end), end });
    }
  }

  drop(count: number): void {
    if (this.spans.length > 0) {
      this.spans = this.spans
        .filter(({ end }) => end > count)
        .map(({ start, end }) => ({ start: start - count, end: end - count }));
    }
    this.#since -= count;
    if (this.#open) for (const reading of this.#readings) reading.drop(count);
  }

  #beginGap(at: number): void {
    this.#place = 'between';
    this.#since = at;
    this.#lineEnds = 0;
    this.#before = 0;
  }

  /** What comes now is no dump. */
  #breakOff(buffer: Uint8Array): void {
    if (this.#open || this.#waiting.mustBeRead) this.#readWaiting(buffer);
    this.#forgetAll();
  }

  #forgetAll(): void {
    this.#place = 'word';
    this.#atLineStart = false;
    this.#waiting.clear();
    if (!this.#open) return;
    for (const reading of this.#readings) reading.forget();
    this.#open = false;
  }

  get #gapMax(): number {
    return this.#offset === undefined ? GAP_BYTES_MAX : GAP_BEFORE_COLUMN_MAX;
  }

  #beginColumn(buffer: Uint8Array, at: number): void {
    this.#readWaiting(buffer);
    this.#place = 'column';
    this.#since = at;
    this.#readColumn(buffer, buffer[at] ?? 0, at);
  }

  #readColumn(buffer: Uint8Array, byte: number, at: number): void {
    if (CLASS[byte] === LINE_END) {
      this.#beginGap(at);
      this.#endLine(buffer, byte);
    } else if (at - this.#since > COLUMN_BYTES_MAX) {
      this.#breakOff(buffer);
    } else if (byte === SPACE && at === this.#since) {
      this.#since = at + 1;
    } else if (this.#foundInLine) {
      this.#note({ start: this.#since, end: at + 1 });
    }
  }

  #endLine(buffer: Uint8Array, byte: number): void {
    if (byte === LINE_FEED) this.#lineEnds += 1;
    this.#atLineStart = true;
    this.#offset = undefined;
    this.#foundInLine = false;
    if (this.#lineEnds > 1) this.#breakOff(buffer);
  }

  #readGap(buffer: Uint8Array, byte: number, at: number): void {
    const kind = CLASS[byte] ?? LETTER;
    if (kind === DIGIT) {
      this.#place = 'number';
      this.#since = at;
    } else if (kind === LINE_END) {
      if (this.#offset !== undefined) this.#readWaiting(buffer);
      this.#endLine(buffer, byte);
    } else if (kind === BETWEEN) {
      if (this.#startsColumn(byte)) this.#beginColumn(buffer, at);
      else if (at - this.#since > this.#gapMax) this.#breakOff(buffer);
    } else if (byte !== X || this.#before !== BACKSLASH) {
      // `\x74` begins with what stands between.
      if (this.#offset !== undefined && !this.#atLineStart) this.#beginColumn(buffer, at);
      else this.#breakOff(buffer);
    }
    this.#before = byte;
  }

  /** In lines with an offset: two blanks in those of `xxd`, else a bar or what is no dump. */
  #startsColumn(byte: number): boolean {
    if (this.#offset === undefined || this.#atLineStart) return false;
    if (this.#offset === 'colon') return byte === SPACE && this.#before === SPACE;
    return byte === BAR || byte === GREATER;
  }

  /** The first byte behind a number is at `end`. */
  #endNumber(buffer: Uint8Array, end: number): void {
    const next = buffer[end] ?? 0;
    const start = this.#since;
    const kind = CLASS[next] ?? LETTER;
    if (next === X && end - start === 1 && buffer[start] === ZERO) {
      this.#place = 'prefix';
    } else if (end - start > NUMBER_DIGITS_MAX) {
      this.#breakOff(buffer);
    } else if (this.#isOffset(buffer, start, end)) {
      this.#offset = next === COLON ? 'colon' : 'blank';
      this.#beginGap(end);
    } else if (kind !== LETTER) {
      this.#await(buffer, end);
      this.#beginGap(end);
    } else if (this.#offset !== undefined && !this.#atLineStart) {
      // Letters of the column that look like digits.
      this.#beginColumn(buffer, start);
    } else {
      this.#breakOff(buffer);
    }
  }

  #isOffset(buffer: Uint8Array, start: number, end: number): boolean {
    const next = buffer[end];
    const digits = end - start;
    if (!this.#atLineStart || this.#offset !== undefined || buffer[start] !== ZERO) return false;
    if (digits > OFFSET_DIGITS_MAX) return false;
    if (next === COLON) return digits >= OFFSET_DIGITS_MIN.colon;
    return digits >= OFFSET_DIGITS_MIN.blank && (next === SPACE || next === TAB);
  }

  /** Where the last of numbers ends that have one byte between them; it is in the first, at `begun`. */
  #endOfNumbers(buffer: Uint8Array, begun: number, to: number): number {
    let at = begun;
    // The first number of a line may be its offset.
    if (!this.#atLineStart && begun === this.#since + 1) {
      at = this.#waiting.addRun(buffer, this.#since, to);
      this.#since = at;
    }
    while (at < to && CLASS[buffer[at] ?? 0] === DIGIT) at += 1;
    return at;
  }

  #await(buffer: Uint8Array, end: number): void {
    this.#atLineStart = false;
    this.#waiting.add(buffer, this.#since, end);
  }

  #readWaiting(buffer: Uint8Array): void {
    const { places, count } = this.#waiting;
    for (let index = 0; index < count; index += 2) {
      if (!this.#open) index = this.#waiting.find(buffer, index);
      if (index === count) break;
      this.#readNumber(buffer, places[index] ?? 0, places[index + 1] ?? 0);
    }
    this.#waiting.clear();
  }

  #readNumber(buffer: Uint8Array, start: number, end: number): void {
    this.#open = false;
    for (const reading of this.#readings) {
      for (const span of reading.take(buffer, start, end)) {
        this.#note(span);
        this.#foundInLine = true;
      }
      this.#open ||= reading.depth > 0;
    }
  }

  #note(span: Span): void {
    const joined = { ...span };
    for (let last = this.spans.at(-1); last !== undefined && last.end >= joined.start; ) {
      joined.start = Math.min(joined.start, last.start);
      joined.end = Math.max(joined.end, last.end);
      this.spans.pop();
      last = this.spans.at(-1);
    }
    this.spans.push(joined);
  }
}
