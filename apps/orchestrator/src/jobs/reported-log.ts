// The log lines of a report: checked before anything is locked, stored as the runner packed them.
import { setImmediate } from 'node:timers/promises';
import { formatSize, freeBytes, RivetError } from '@rivet/base';
import {
  bytesOfBlock,
  encodeLogBlock,
  inspectLogBlock,
  type LogBlock,
  LogBlockError,
  type LogBlockFacts,
  type LogLine,
  openLogBlock,
  type ReportRequest,
} from '@rivet/protocol';
import { type AttemptRow, encodeLogChunk, type LogChunk } from '@rivet/store';

/** A line's other fields and what stores it, in bytes. */
const LINE_OVERHEAD_BYTES = 48;
/** A clock may be wrong by this much before the time of a line is not believed, in milliseconds. */
export const AHEAD_MS_MAX = 24 * 3600 * 1000;
/** Of the blocks of a report when they are open, in bytes; the runner sends a tenth of this. */
const OPENED_BYTES_MAX = 48 * 1024 * 1024;
/** After so many bytes other requests have their turn. */
const TURN_BYTES = 1024 * 1024;

/** The lines of one report. */
export interface ReportedLog {
  /** Number of the first line; undefined when there is none. */
  readonly firstLine: number | undefined;
  readonly lineCount: number;
  /** What they count for against the limit of an attempt's log. */
  readonly bytes: number;
  /** As they are stored; a time that has not come yet is the time at which they were told. */
  chunks(attempt: Pick<AttemptRow, 'read_at'>): Promise<LogChunk[]>;
  /** What `chunks` gave last, where all of it are blocks: empty when it was not asked. */
  readonly blocks: readonly LogChunk[];
  /** All of it, as it came, where that is one block; with the latest time of its lines. */
  readonly only: { readonly chunk: LogChunk; readonly latestMs: number } | undefined;
}

/** Of a report that has none. */
export const NO_LOG: ReportedLog = {
  firstLine: undefined,
  lineCount: 0,
  bytes: 0,
  chunks: async () => [],
  blocks: [],
  only: undefined,
};

/**
 * Opens and checks what a report has of the log.
 * @throws RIVET_REQUEST_INVALID, RIVET_REPORT_GAP when its numbers do not follow each other
 */
export async function readReportedLog(
  report: Pick<ReportRequest, 'logs' | 'log_blocks'>,
): Promise<ReportedLog> {
  const { logs, log_blocks: sent = [] } = report;
  if (logs.length === 0 && sent.length === 0) return NO_LOG;
  const firstLine = logs[0]?.n ?? sent[0]?.first_line;
  let next = firstLine ?? 1;
  for (const { n } of logs) {
    if (n !== next) throw lineGap(n, next);
    next += 1;
  }
  const blocks: CheckedBlock[] = [];
  let bytes = logBytes(logs);
  let opened = 0;
  for (const [index, block] of sent.entries()) {
    if (block.first_line !== next) throw lineGap(block.first_line, next);
    const checked = openBlock(block, index);
    next += block.line_count;
    bytes += checked.logBytes;
    const before = opened;
    opened += checked.openedBytes;
    if (opened > OPENED_BYTES_MAX) {
      throw invalid(`body.log_blocks has more than ${formatSize(OPENED_BYTES_MAX)} of lines`);
    }
    blocks.push(checked);
    if (turnOf(before) !== turnOf(opened)) await setImmediate();
  }
  let given: readonly LogChunk[] = [];
  const [first, ...others] = blocks;
  const isOnly = first !== undefined && others.length === 0 && logs.length === 0;
  return {
    firstLine,
    lineCount: next - (firstLine ?? next),
    bytes,
    get blocks() {
      return given;
    },
    only: isOnly ? { chunk: asItCame(first), latestMs: first.latestMs } : undefined,
    async chunks({ read_at }) {
      const chunks = blocks.map((block) => blockChunk(block, read_at));
      const [first] = logs;
      if (first === undefined) {
        given = chunks;
        return chunks;
      }
      const stored = await encodeLogChunk(believableLines(logs, read_at));
      return [{ firstLine: first.n, lineCount: logs.length, bytes: stored }, ...chunks];
    },
  };
}

/**
 * Gives back at once what a packed report came in, which is as large as its blocks; to be called
 * when nobody will read them any more.
 */
export function freeBlocks({ log_blocks: blocks = [] }: Pick<ReportRequest, 'log_blocks'>): void {
  for (const { data } of blocks) if (typeof data !== 'string') freeBytes(data.bytes);
}

/** A block whose content was looked at: all of it that is kept is what came. */
interface CheckedBlock {
  readonly firstLine: number;
  readonly lineCount: number;
  readonly content: Buffer;
  /** Of its lines, the latest. */
  readonly latestMs: number;
  /** What its lines count for against the limit of an attempt's log. */
  readonly logBytes: number;
  readonly openedBytes: number;
}

function openBlock(block: LogBlock, index: number): CheckedBlock {
  const place = `body.log_blocks[${index}]`;
  const content = bytesOfBlock(block);
  try {
    const facts = inspectLogBlock(content, block.bytes);
    const { runs, lineCount, textBytes, bytes: openedBytes } = facts;
    if (lineCount !== block.line_count) {
      throw invalid(`${place} has ${lineCount} lines; line_count says ${block.line_count}`);
    }
    if (textBytes !== block.bytes) {
      throw invalid(`${place} has ${textBytes} bytes of text; bytes says ${block.bytes}`);
    }
    // The runs are not kept either while the report waits for its turn: a few bytes can hold a
    // hundred thousand runs.
    const latestMs = runs.reduce((latest, { timeMs }) => Math.max(latest, timeMs), 0);
    const logBytes = blockBytes(facts);
    return { firstLine: block.first_line, lineCount, content, latestMs, logBytes, openedBytes };
  } catch (error) {
    if (!(error instanceof LogBlockError)) throw error;
    throw invalid(`${place} ${error.message}`);
  }
}

function blockBytes({ runs, lineCount, textBytes }: LogBlockFacts): number {
  const origins = runs.reduce((sum, { origin: [stage, , , group], count }) => {
    return sum + count * (stage.length + group.length);
  }, 0);
  return textBytes - lineCount + lineCount * LINE_OVERHEAD_BYTES + origins;
}

function asItCame({ firstLine, lineCount, content }: CheckedBlock): LogChunk {
  return { firstLine, lineCount, bytes: content };
}

function blockChunk(block: CheckedBlock, readAt: Date): LogChunk {
  const { firstLine, lineCount, content, latestMs } = block;
  const latest = readAt.getTime() + AHEAD_MS_MAX;
  if (latestMs <= latest) return asItCame(block);
  const { runs, text } = openLogBlock(content);
  const believed = runs.map((run) =>
    run.timeMs > latest ? { ...run, timeMs: readAt.getTime() } : run,
  );
  return { firstLine, lineCount, bytes: encodeLogBlock({ runs: believed, text }) };
}

/** What lines count for against the limit of an attempt's log, in bytes. */
function logBytes(lines: readonly LogLine[]): number {
  return lines.reduce(
    (sum, { text, stage, group }) =>
      sum + LINE_OVERHEAD_BYTES + Buffer.byteLength(text) + stage.length + (group?.length ?? 0),
    0,
  );
}

function believableLines(lines: readonly LogLine[], readAt: Date): LogLine[] {
  const now = readAt.toISOString();
  const latest = new Date(readAt.getTime() + AHEAD_MS_MAX).toISOString();
  return lines.map((line) => (line.t > latest ? { ...line, t: now } : line));
}

function turnOf(bytes: number): number {
  return Math.floor(bytes / TURN_BYTES);
}

function lineGap(found: number, expected: number): RivetError {
  return RivetError.of('RIVET_REPORT_GAP', { what: 'log', found, expected });
}

function invalid(summary: string): RivetError {
  return RivetError.of('RIVET_REQUEST_INVALID', { summary });
}
