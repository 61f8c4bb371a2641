// Lua's byte strings and JavaScript's text.
import { isUtf8 } from 'node:buffer';

/** The bytes of a text in UTF-8. */
export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** The text of bytes that should be UTF-8; what is not becomes U+FFFD. */
export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
}

/** The text of bytes, undefined when they are not UTF-8. */
export function exactTextOf(bytes: Uint8Array): string | undefined {
  return isUtf8(bytes) ? textOf(bytes) : undefined;
}

/** Text of at most about `max` characters, saying that it was cut. */
export function shorten(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max)}… (${text.length - max} more)`;
}
