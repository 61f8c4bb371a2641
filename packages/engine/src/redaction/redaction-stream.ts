// Redacts a stream of bytes as it comes: holds back what may be the beginning of a secret.
import { REDACTED } from '@rivet/base';
import type { Automaton } from './automaton.ts';
import { DumpScanner } from './dump-scanner.ts';
import { FormScanner } from './form-scanner.ts';
import type { Scanner, Span } from './scanner.ts';

/** What to look for: in the bytes as they are, in kinds of forms, and in dumps of bytes. */
export interface Automata {
  readonly texts: readonly (readonly Automaton[])[];
  readonly dumps: readonly Automaton[];
}

/** Takes the bytes of one stream and gives them back without secrets. */
export interface RedactionStream {
  /**
   * What is certain by now; the rest comes with what follows. May lie in the bytes that were
   * pushed, or where the next ones go: whoever keeps it longer makes a copy.
   */
  push(bytes: Uint8Array): Uint8Array;
  /** The rest; the stream can be used for another text afterwards. */
  end(): Uint8Array;
  /** Like `end` for a text that was cut off here: the beginning of a secret is hidden too. */
  cut(): Uint8Array;
}

const ESCAPE = 0x1b;
/** A longer terminal code is taken for text. */
const CODE_BYTES_MAX = 64;
const NOTHING = Buffer.alloc(0);

/** @param automata called before each chunk: secrets may be added while the stream flows */
export function createRedactionStream(automata: () => Automata): RedactionStream {
  let buffer: Buffer = NOTHING;
  let scanned = 0;
  let known: Automata | undefined;
  let scanners: Scanner[] = [];

  /** Used again for each chunk: a log of megabytes would leave as many behind. */
  let scratch: Buffer = NOTHING;

  const joinedWithRest = (bytes: Uint8Array): Buffer => {
    const length = buffer.length + bytes.length;
    // The rest is a copy of its own, so it is not overwritten where it lies.
    if (scratch.length < length) scratch = Buffer.allocUnsafeSlow(length);
    scratch.set(buffer);
    scratch.set(bytes, buffer.length);
    return scratch.subarray(0, length);
  };
  const begin = (): void => {
    scanned = 0;
    scanners = [
      ...(known?.texts ?? []).flat().map((automaton) => new FormScanner(automaton)),
      ...(known?.dumps ?? []).map((automaton) => new DumpScanner(automaton)),
    ];
  };
  const refresh = (): void => {
    const current = automata();
    if (current === known) return;
    known = current;
    begin();
  };
  const scan = (from: number, to: number): void => {
    if (to > from) for (const scanner of scanners) scanner.scan(buffer, from, to);
    scanned = to;
  };
  /** @param last no more bytes follow, so what looks like an unfinished terminal code is text */
  const read = (last: boolean): void => {
    while (scanned < buffer.length) {
      const code = buffer.indexOf(ESCAPE, scanned);
      scan(scanned, code === -1 ? buffer.length : code);
      if (code === -1) return;
      const length = codeLength(buffer, code);
      if (length === undefined && !last) return;
      if (length === undefined || length === 0) scan(code, code + 1);
      else {
        for (const scanner of scanners) scanner.skip(code, code + length);
        scanned = code + length;
      }
    }
  };
  const take = (end: number, spans: readonly Span[]): Uint8Array => {
    const taken = spans.length === 0 ? buffer.subarray(0, end) : masked(buffer, end, spans);
    // A copy: the chunk is the caller's, who may fill it again.
    buffer = end === buffer.length ? NOTHING : Buffer.from(buffer.subarray(end));
    scanned -= end;
    for (const scanner of scanners) scanner.drop(end);
    return taken;
  };
  const finish = (): Uint8Array => {
    const rest = take(buffer.length, joined(scanners));
    begin();
    return rest;
  };
  return {
    push(bytes) {
      refresh();
      buffer = buffer.length === 0 ? bufferOf(bytes) : joinedWithRest(bytes);
      if (scanners.length === 0) return take(buffer.length, []);
      read(false);
      let certain = Math.min(...scanners.map((scanner) => scanner.openFrom(scanned)));
      const spans = joined(scanners);
      // A form that begins where another ended makes one span with it.
      while (spans.length > 0 && (spans.at(-1)?.end ?? 0) >= certain) {
        certain = Math.min(certain, spans.pop()?.start ?? 0);
      }
      return take(certain, spans);
    },
    end() {
      refresh();
      read(true);
      for (const scanner of scanners) scanner.end(buffer, scanned);
      return finish();
    },
    cut() {
      refresh();
      read(true);
      for (const scanner of scanners) scanner.cut(buffer, scanned);
      return finish();
    },
  };
}

/** What reads each byte is faster where all bytes come in objects of one kind. */
function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** The spans of all scanners, joined and in order. */
function joined(scanners: readonly Scanner[]): Span[] {
  const all = scanners.flatMap(({ spans }) => spans);
  if (all.length <= 1) return all;
  all.sort((a, b) => a.start - b.start);
  const result: Span[] = [];
  for (const span of all) {
    const last = result.at(-1);
    if (last !== undefined && last.end >= span.start) last.end = Math.max(last.end, span.end);
    else result.push({ ...span });
  }
  return result;
}

/**
 * Bytes of the terminal code (CSI) at `at`; 0 when it is none, undefined when more bytes are needed
 * to know.
 */
function codeLength(buffer: Uint8Array, at: number): number | undefined {
  const end = Math.min(buffer.length, at + CODE_BYTES_MAX);
  if (at + 1 < end && buffer[at + 1] !== 0x5b) return 0;
  let intermediate = false;
  for (let index = at + 2; index < end; index += 1) {
    const byte = buffer[index] ?? 0;
    if (byte >= 0x40 && byte <= 0x7e) return index + 1 - at;
    // Parameters come first, then what stands between them and the final byte.
    if (byte < 0x20 || byte > 0x3f || (intermediate && byte >= 0x30)) return 0;
    intermediate = byte < 0x30;
  }
  return end - at === CODE_BYTES_MAX ? 0 : undefined;
}

function masked(buffer: Uint8Array, end: number, spans: readonly Span[]): Uint8Array {
  const parts: Uint8Array[] = [];
  let from = 0;
  for (const span of spans) {
    parts.push(buffer.subarray(from, span.start), maskOf(buffer.subarray(span.start, span.end)));
    from = span.end;
  }
  parts.push(buffer.subarray(from, end));
  return Buffer.concat(parts);
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: terminal codes are what is looked for
const PIECES = /\u001b\[[0-?]*[ -/]*[@-~]|\r\n|\n|\r|(?:(?!\u001b\[)[^\r\n])+/g;

/** Stars for each line of a secret; line ends and terminal codes in it stay. */
function maskOf(bytes: Uint8Array): Uint8Array {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  let starred = false;
  const shown = text.replaceAll(PIECES, (piece) => {
    if (/^[\r\n]/.test(piece)) {
      starred = false;
      return piece;
    }
    if (piece.startsWith('\u001b[') && piece.length > 2) return piece;
    if (starred) return '';
    starred = true;
    return REDACTED;
  });
  return Buffer.from(shown, 'latin1');
}
