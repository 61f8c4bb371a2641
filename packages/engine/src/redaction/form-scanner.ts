// Runs one automaton over the bytes of a stream and notes where forms of secrets stand.
import type { Automaton } from './automaton.ts';
import { FOUR_BYTES, windowAt } from './four-byte-filter.ts';
import type { Scanner, Span } from './scanner.ts';
import { FORM_BYTES_MIN } from './secret-forms.ts';

const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;
/** Four bytes that no text has: 0xff is not in UTF-8. */
const NOTHING_READ = -1;
/** What may stand between the bytes of a form; more of it ends the form. */
const GAPS_MAX = 4096;
/** A form that was cut off is hidden when at least this much of it is there. */
const CUT_BYTES_MIN = 8;
/** What is read one by one where something may begin: the bytes that tell, and those before them. */
const WINDOW_BYTES = 8;

export class FormScanner implements Scanner {
  spans: Span[] = [];
  readonly #automaton: Automaton;
  /** 0 unless at least FORM_BYTES_MIN bytes of a form have been read. */
  #state = 0;
  /** The last four bytes, newest lowest. */
  #window = NOTHING_READ;
  /** What was passed over lately: terminal codes, line ends in forms that wrap. */
  #gaps: Span[] = [];
  #gapCount = 0;

  constructor(automaton: Automaton) {
    this.#automaton = automaton;
  }

  scan(buffer: Uint8Array, from: number, to: number): void {
    const { beginnings, depth, matched, passesLineEnd } = this.#automaton;
    let window = this.#window;
    let state = this.#state;
    let at = from;
    // Until there each byte is looked at: before it are bytes of another scan.
    let unskipped = from + WINDOW_BYTES;
    while (at < to) {
      if (state === 0 && at >= unskipped) {
        // A form may have begun with the bytes that were read last.
        at = this.#automaton.passOver(buffer, at - FOUR_BYTES + 1, to);
        window = windowAt(buffer, at - FOUR_BYTES);
        unskipped = at + WINDOW_BYTES;
      }
      const byte = buffer[at] ?? 0;
      if (state === 0) {
        at += 1;
        window = (window << 8) | byte;
        if (!beginnings.has(window)) continue;
        state = this.#stateOf(window);
      } else {
        if (passesLineEnd[state] === 1 && this.#passLineEnd(buffer, at)) {
          state = this.#automaton.open(state);
          at += 1;
          continue;
        }
        at += 1;
        window = (window << 8) | byte;
        state = this.#automaton.step(state, byte);
        // A line end that was passed over is not among the bytes read last, for as many bytes.
        unskipped = at + WINDOW_BYTES;
      }
      if ((depth[state] ?? 0) < FORM_BYTES_MIN) state = 0;
      const length = matched[state] ?? 0;
      if (length > 0) this.#note(at, length);
    }
    this.#window = window;
    this.#state = state;
    if (state === 0 && to - from >= FORM_BYTES_MIN) this.#gapCount = 0;
  }

  skip(from: number, to: number): void {
    this.#gaps.push({ start: from, end: to });
    this.#gapCount += 1;
    if (this.#gapCount > GAPS_MAX) this.#forget();
  }

  openFrom(end: number): number {
    return this.#startOf(end, this.#openBytes());
  }

  end(): void {}

  cut(_: Uint8Array, end: number): void {
    const open = this.#openBytes();
    if (open >= CUT_BYTES_MIN) this.#note(end, open);
    this.#forget();
  }

  drop(count: number): void {
    if (count === 0 || (this.spans.length === 0 && this.#gaps.length === 0)) return;
    const shift = ({ start, end }: Span): Span => ({ start: start - count, end: end - count });
    this.spans = this.spans.filter(({ end }) => end > count).map(shift);
    this.#gaps = this.#gaps.filter(({ end }) => end > count).map(shift);
  }

  #forget(): void {
    this.#state = 0;
    this.#window = NOTHING_READ;
    this.#gapCount = 0;
  }

  #openBytes(): number {
    const state = this.#state === 0 ? this.#stateOf(this.#window) : this.#state;
    return this.#automaton.depth[state] ?? 0;
  }

  #stateOf(window: number): number {
    let state = 0;
    for (let shift = 24; shift >= 0; shift -= 8) {
      state = this.#automaton.step(state, (window >>> shift) & 0xff);
    }
    return state;
  }

  /** One line end at a time, so that nothing is held back for a run of empty lines. */
  #passLineEnd(buffer: Uint8Array, at: number): boolean {
    const byte = buffer[at];
    if (byte !== LINE_FEED && byte !== CARRIAGE_RETURN) return false;
    const before = buffer[at - 1];
    if (before === LINE_FEED || (before === CARRIAGE_RETURN && byte !== LINE_FEED)) return false;
    this.#gaps.push({ start: at, end: at + 1 });
    this.#gapCount += 1;
    return this.#gapCount <= GAPS_MAX;
  }

  #note(end: number, length: number): void {
    const span = { start: this.#startOf(end, length), end };
    for (let last = this.spans.at(-1); last !== undefined && last.end >= span.start; ) {
      span.start = Math.min(span.start, last.start);
      this.spans.pop();
      last = this.spans.at(-1);
    }
    this.spans.push(span);
  }

  /** Where `length` bytes begin that end at `end`, gaps not counted. */
  #startOf(end: number, length: number): number {
    let left = length;
    let position = end;
    for (let index = this.#gaps.length - 1; index >= 0 && left > 0; index -= 1) {
      const gap = this.#gaps[index];
      if (gap === undefined || gap.end > position) continue;
      if (position - gap.end >= left) break;
      left -= position - gap.end;
      position = gap.start;
    }
    return position - left;
  }
}
