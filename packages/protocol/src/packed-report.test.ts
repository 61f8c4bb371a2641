// Packed reports: what was put in comes out, and bytes that do not add up are refused.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LogBlock, PackedReport, ReportRequest } from './api/runners.ts';
import { BlockBytes } from './block-bytes.ts';
import { packReport, partPackedReport, unpackReport } from './packed-report.ts';

const reportOf = (log_blocks: LogBlock[]): ReportRequest => ({
  ...{ attempt: 1, lease_id: 'ä', seq: 2, logs: [], log_blocks, stages: [] },
  outputs: { size: 'ü' },
});
const blockOf = (data: Uint8Array) => ({
  ...{ first_line: 1, line_count: 1, bytes: 2 },
  data: new BlockBytes(data),
});
const unpack = (body: Buffer): ReportRequest => {
  const { json, blocks } = partPackedReport(body);
  return unpackReport(JSON.parse(json.toString()) as PackedReport, blocks);
};
const refused = (summary: string) =>
  expect.objectContaining({ code: 'RIVET_REQUEST_INVALID', details: { summary } });
const failureOf = (action: () => unknown): unknown => {
  try {
    return action();
  } catch (error) {
    return error;
  }
};

describe('a packed report', () => {
  it('says the same as in JSON, whether its blocks were bytes or base64', () => {
    const contents = fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 5 });
    fc.assert(
      fc.property(contents, fc.boolean(), (datas, fromJson) => {
        const report = reportOf(datas.map(blockOf));
        const text = JSON.stringify(report);
        const packed = packReport(fromJson ? (JSON.parse(text) as ReportRequest) : report);
        expect(JSON.stringify(unpack(Buffer.concat(packed)))).toBe(text);
      }),
    );
  });

  it('has the bytes of its blocks as they are, and nothing else but its JSON', () => {
    const pieces = packReport(
      reportOf([blockOf(Uint8Array.of(0, 255)), blockOf(Buffer.from('b'))]),
    );
    const [length, json, ...blocks] = pieces.map((piece) => Buffer.from(piece));
    expect(length?.readUInt32BE()).toBe(json?.length);
    expect(blocks).toEqual([Buffer.of(0, 255), Buffer.from('b')]);
  });

  it.each([
    ['nothing', Buffer.alloc(0), 'body has 0 bytes; expected 4 that say how long its JSON is'],
    [
      'half a length',
      Buffer.alloc(3),
      'body has 3 bytes; expected 4 that say how long its JSON is',
    ],
    [
      'a length that is not there',
      Buffer.from([0, 0, 0, 3, 0x7b, 0x7d]),
      'body says that its JSON has 3 bytes; expected at most 2',
    ],
    [
      'the greatest length',
      Buffer.from([255, 255, 255, 255, 0x7b, 0x7d]),
      'body says that its JSON has 4294967295 bytes; expected at most 2',
    ],
  ])('of %s is refused', (_, body, summary) => {
    expect(failureOf(() => partPackedReport(body))).toEqual(refused(summary));
  });

  it('cut off anywhere is refused', () => {
    const body = Buffer.concat(packReport(reportOf([blockOf(Buffer.from('abcd'))])));
    for (let end = 0; end < body.length; end += 1) {
      expect(failureOf(() => unpack(body.subarray(0, end)))).toBeInstanceOf(Error);
    }
    expect(failureOf(() => unpack(body))).not.toBeInstanceOf(Error);
  });

  it.each([
    [
      'more than there is',
      [3, 9],
      'body.log_blocks[2].length is 9; expected at most 2, as no more bytes follow',
    ],
    ['less than there is', [3, 1], 'body has 1 bytes behind its blocks; expected none'],
  ])('whose blocks have %s is refused', (_, lengths, summary) => {
    const { log_blocks: _blocks, ...report } = reportOf([]);
    const log_blocks = lengths.map((length) => ({
      ...{ first_line: 1, line_count: 1, bytes: 2 },
      length,
    }));
    const failure = failureOf(() => unpackReport({ ...report, log_blocks }, Buffer.from('abcde')));
    expect(failure).toEqual(refused(summary));
  });
});
