// What is left of an image without the code of Node's own modules.
import { describe, expect, it } from 'vitest';
import { withoutCodeCache } from './code-cache.ts';

function size(bytes: number): Buffer {
  const buffer = Buffer.alloc(8);
  buffer.writeBigUInt64LE(BigInt(bytes));
  return buffer;
}

function text(content: string): Buffer {
  return Buffer.concat([size(content.length), Buffer.from(content)]);
}

function cache(modules: number): Buffer {
  const each = Array.from({ length: modules }, (_, at) => [text(`fs/module-${at}`), text('code')]);
  return Buffer.concat([size(modules), ...each.flat()]);
}

const heap = Buffer.concat([Buffer.from('heap'), size(60), text('no module'), Buffer.alloc(100)]);

describe('an image', () => {
  it('loses its code cache, and nothing else', () => {
    const smaller = withoutCodeCache(Buffer.concat([heap, cache(60)]));
    expect(smaller).toEqual(Buffer.concat([heap, size(0)]));
  });

  it.each([
    ['has none', heap],
    ['has one that is cut off', Buffer.concat([heap, cache(60)]).subarray(0, -1)],
    ['has something behind it', Buffer.concat([heap, cache(60), Buffer.from('x')])],
    ['has too few modules', Buffer.concat([heap, cache(10)])],
    ['is empty', Buffer.alloc(0)],
  ])('stays as it is when it %s', (_, image) => {
    expect(withoutCodeCache(image)).toBeUndefined();
  });
});
