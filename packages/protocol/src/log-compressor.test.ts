// Frames of blocks that follow each other: each is what zstd makes of it alone.
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { LogCompressor } from './log-compressor.ts';

const params = { [constants.ZSTD_c_checksumFlag]: 1 };

/** Text that compresses, and bytes that do not. */
function content(seed: number, bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  for (let at = 0, state = seed; at < bytes; at += 1) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    buffer[at] = seed % 2 === 0 ? state >>> 24 : 97 + ((state >>> 24) % 4);
  }
  return buffer;
}

describe('the compressor of blocks', () => {
  afterEach(() => vi.useRealTimers());

  it('gives each of many at once its own frame', async () => {
    const compressor = new LogCompressor(params);
    const sizes = [0, 1, 300_000, 262_144, 700_000, 5, 65_536, 1_048_576, 3];
    const contents = sizes.map((bytes, index) => content(index + 1, bytes));
    const frames = await Promise.all(
      contents.map((bytes) => compressor.compress([bytes.subarray(0, 2), bytes.subarray(2)])),
    );
    for (const [index, frame] of frames.entries()) {
      expect(zstdDecompressSync(frame).equals(contents[index]!)).toBe(true);
    }
  });

  it('writes what is compressed alone, size and checksum included', async () => {
    const compressor = new LogCompressor(params);
    const bytes = content(1, 200_000);
    await compressor.compress([content(2, 1000)]);
    expect(await compressor.compress([bytes])).toEqual(zstdCompressSync(bytes, { params }));
  });

  it('copies what it is given before it returns', async () => {
    const compressor = new LogCompressor(params);
    const bytes = Buffer.from('before');
    const frame = compressor.compress([bytes]);
    bytes.fill('x');
    expect(zstdDecompressSync(await frame).toString()).toBe('before');
  });

  it('goes on after it has given back what it kept', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const compressor = new LogCompressor(params);
    await compressor.compress([content(1, 100_000)]);
    expect(vi.getTimerCount()).toBe(1);
    vi.runAllTimers();
    expect(vi.getTimerCount()).toBe(0);
    const frame = await compressor.compress([Buffer.from('again')]);
    expect(zstdDecompressSync(frame).toString()).toBe('again');
  });
});
