// What a redaction stream asks of whatever finds secrets in its bytes.

/** From here (included) to there (excluded), counted in the buffer of the stream. */
export interface Span {
  start: number;
  end: number;
}

/** Reads the buffer of a stream as it fills and notes where secrets stand. */
export interface Scanner {
  /** What was found, in order, overlapping and touching spans joined. */
  readonly spans: readonly Span[];
  /** Reads the bytes of the buffer from `from` to `to`; the next call goes on behind them. */
  scan(buffer: Uint8Array, from: number, to: number): void;
  /** Passes over bytes that cannot be seen. */
  skip(from: number, to: number): void;
  /** Where a secret may begin that is not complete yet at `end`, which is how far was read. */
  openFrom(end: number): number;
  /** No more bytes follow. */
  end(buffer: Uint8Array, end: number): void;
  /** No more bytes follow as the text was cut off: notes what looks like the beginning of a secret. */
  cut(buffer: Uint8Array, end: number): void;
  /** The first `count` bytes have left the buffer. */
  drop(count: number): void;
}
