// Frames: whole messages come out however the bytes were split.
import { processorMsOf } from '@rivet/testing';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeFrame, FRAME_BYTES_MAX, FrameReader } from './frames.ts';

describe('frames', () => {
  test('are found again however the bytes arrive', () => {
    const messages = fc.array(fc.oneof(fc.string({ unit: 'binary' }), fc.jsonValue()), {
      minLength: 1,
      maxLength: 6,
    });
    fc.assert(
      fc.property(messages, fc.array(fc.integer({ min: 1, max: 40 })), (sent, cuts) => {
        const bytes = Buffer.concat(sent.map((message) => encodeFrame(message)));
        const reader = new FrameReader(FRAME_BYTES_MAX);
        const received: unknown[] = [];
        let offset = 0;
        for (const cut of [...cuts, bytes.length]) {
          const frames = reader.push(bytes.subarray(offset, offset + cut));
          received.push(...frames.map((frame) => frame.message));
          offset += cut;
        }
        expect(received).toEqual(sent.map((message) => JSON.parse(JSON.stringify(message))));
      }),
    );
  });

  test('that are too large are refused before their bytes arrive', () => {
    const header = Buffer.alloc(4);
    header.writeUInt32LE(FRAME_BYTES_MAX + 1);
    expect(() => new FrameReader(FRAME_BYTES_MAX).push(header)).toThrow(RangeError);
  });

  test('that are no JSON are refused', () => {
    const frame = Buffer.from('\u0003\0\0\0{x}', 'latin1');
    expect(() => new FrameReader(FRAME_BYTES_MAX).push(frame)).toThrow(SyntaxError);
  });

  test('of megabytes in small pieces take no time that grows with the square', async () => {
    const frame = encodeFrame('x'.repeat(8 * 1024 * 1024));
    const reader = new FrameReader(FRAME_BYTES_MAX);
    let received = 0;
    const receive = (): void => {
      for (let offset = 0; offset < frame.length; offset += 4096) {
        received += reader.push(frame.subarray(offset, offset + 4096)).length;
      }
    };
    expect(await processorMsOf(receive)).toBeLessThan(2000);
    expect(received).toBe(1);
  });
});
