// A report as one piece of bytes: how long its JSON is (four bytes, the highest first), the JSON,
// and behind it the blocks of its log in their order. As base64 in JSON they would be a third
// larger, and be copied five times on their way.
import { RivetError } from '@rivet/base';
import type { PackedReport, ReportRequest } from './api/runners.ts';
import { BlockBytes, bytesOfBlock } from './block-bytes.ts';

/** The content type of such a report. */
export const PACKED_REPORT_TYPE = 'application/vnd.rivet.report';

const LENGTH_BYTES = 4;

/** The two parts of a body, as they came. */
export interface PackedParts {
  readonly json: Buffer;
  readonly blocks: Buffer;
}

/** The pieces of a report that has blocks, to be sent one behind the other. */
export function packReport(report: ReportRequest): Uint8Array[] {
  const { log_blocks: blocks = [] } = report;
  const contents = blocks.map(bytesOfBlock);
  const lengths = blocks.map(({ data: _, ...block }, index) => ({
    ...block,
    length: contents[index]?.length ?? 0,
  }));
  const head: PackedReport = { ...report, log_blocks: lengths };
  const json = Buffer.from(JSON.stringify(head));
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32BE(json.length);
  return [length, json, ...contents];
}

/**
 * Parts a body that anybody may have made; nothing of it is copied.
 * @throws RIVET_REQUEST_INVALID
 */
export function partPackedReport(body: Buffer): PackedParts {
  const { length: bytes } = body;
  if (bytes < LENGTH_BYTES) {
    throw invalid(
      `body has ${bytes} bytes; expected ${LENGTH_BYTES} that say how long its JSON is`,
    );
  }
  const jsonBytes = body.readUInt32BE();
  const blocksAt = LENGTH_BYTES + jsonBytes;
  if (blocksAt > bytes) {
    const left = bytes - LENGTH_BYTES;
    throw invalid(`body says that its JSON has ${jsonBytes} bytes; expected at most ${left}`);
  }
  return { json: body.subarray(LENGTH_BYTES, blocksAt), blocks: body.subarray(blocksAt) };
}

/**
 * The report, whose blocks are parts of the bytes that are given.
 * @param head what the JSON says, which was held against its shape
 * @throws RIVET_REQUEST_INVALID when the bytes are not those that it tells of
 */
export function unpackReport(head: PackedReport, bytes: Buffer): ReportRequest {
  let at = 0;
  const blocks = head.log_blocks.map(({ length, ...block }, index) => {
    const begin = at;
    at += length;
    if (at > bytes.length) {
      const found = `body.log_blocks[${index + 1}].length is ${length}`;
      throw invalid(`${found}; expected at most ${bytes.length - begin}, as no more bytes follow`);
    }
    return { ...block, data: new BlockBytes(bytes.subarray(begin, at)) };
  });
  if (at < bytes.length) {
    throw invalid(`body has ${bytes.length - at} bytes behind its blocks; expected none`);
  }
  return { ...head, log_blocks: blocks };
}

function invalid(summary: string): RivetError {
  return RivetError.of('RIVET_REQUEST_INVALID', { summary });
}
