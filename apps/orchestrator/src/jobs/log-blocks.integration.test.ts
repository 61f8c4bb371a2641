// Blocks of log lines that a broken or hostile runner sends: each is refused, stores nothing, and
// leaves the job and its neighbours as they were.
import { zstdCompressSync } from 'node:zlib';
import {
  type ClaimedJob,
  encodeLogBlock,
  type LogBlock,
  PACKED_REPORT_TYPE,
  packReport,
  type ReportRequest,
} from '@rivet/protocol';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  FakeRunner,
  reportOf,
  seedPipeline,
  stageDefinition,
  useTestOrchestrator,
} from '../test-orchestrator.ts';

const server = useTestOrchestrator();
let ref: string;
let runner: FakeRunner;
let job: ClaimedJob;

beforeAll(async () => {
  ref = await seedPipeline(server.database, { stages: [stageDefinition('build')] });
});

beforeEach(async () => {
  runner = await FakeRunner.register(server.client);
  await server.client.launchPipeline({ ref, body: {} });
  job = await runner.claimOne();
});

/** A block as a runner makes it. */
function block(first: number, text: string): LogBlock {
  const count = text.split('\n').length - 1;
  const runs = [{ origin: ['build', 'info', 'stdout', ''] as const, timeMs: Date.now(), count }];
  const bytes = Buffer.from(text);
  const data = encodeLogBlock({ runs, text: bytes }).toString('base64');
  return { first_line: first, line_count: count, bytes: bytes.length, data };
}

/** The first of two lines, packed in a way of its own. */
function packed(content: Uint8Array, lines = 1, bytes = 2): LogBlock {
  const data = Buffer.from(content).toString('base64');
  return { first_line: 1, line_count: lines, bytes, data };
}

const header = (runs: unknown[]): string =>
  `${JSON.stringify({ t: 0, origins: [['build', 'info', 'stdout', '']], runs })}\n`;
const plain = (text: string | Uint8Array): Buffer =>
  Buffer.concat([Uint8Array.of(2), Buffer.from(text)]);
const zstd = (text: Uint8Array): Buffer =>
  Buffer.concat([Uint8Array.of(1), zstdCompressSync(text)]);

const textOf = async (id: string): Promise<string[]> =>
  (await server.client.getJobLogs({ id })).lines.map(({ text }) => text);

const hostile: [string, () => LogBlock[], string][] = [
  ['a bomb', () => [packed(zstd(Buffer.alloc(200 * 1024 ** 2, 'x\n')))], 'RIVET_REQUEST_INVALID'],
  ['no zstd', () => [packed(Uint8Array.of(1, 2, 3))], 'RIVET_REQUEST_INVALID'],
  ['no format', () => [packed(Uint8Array.of(7))], 'RIVET_REQUEST_INVALID'],
  [
    'more lines than announced',
    () => [packed(plain(`${header([0, 0, 1])}a\nb\n`), 1, 4)],
    'RIVET_REQUEST_INVALID',
  ],
  [
    'lines that nobody counted',
    () => [packed(plain(`${header([0, 0, 2])}a\nb\n`), 1, 4)],
    'RIVET_REQUEST_INVALID',
  ],
  ['a NUL', () => [packed(plain(`${header([0, 0, 1])}\0\n`))], 'RIVET_REQUEST_INVALID'],
  [
    'half a character',
    () => [packed(plain(Buffer.concat([Buffer.from(header([0, 0, 1])), Uint8Array.of(0xc3, 10)])))],
    'RIVET_REQUEST_INVALID',
  ],
  ['a gap', () => [block(1, 'a\n'), block(3, 'b\n')], 'RIVET_REPORT_GAP'],
  ['the wrong order', () => [block(2, 'b\n'), block(1, 'a\n')], 'RIVET_REPORT_GAP'],
  ['the same lines twice', () => [block(1, 'a\n'), block(1, 'a\n')], 'RIVET_REPORT_GAP'],
  ['lines that do not follow', () => [block(9, 'a\n')], 'RIVET_REPORT_GAP'],
];

interface Answer {
  readonly status: number;
  readonly body: { readonly code?: string; readonly detail?: string };
}

/** Posts bytes as whatever they are called, as anybody could. */
async function post(path: string, bytes: Uint8Array, type: string): Promise<Answer> {
  const response = await fetch(`${server.url}/api${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${runner.token}`, 'content-type': type },
    body: Buffer.from(bytes),
  });
  return { status: response.status, body: (await response.json()) as Answer['body'] };
}

const ways: [string, (report: ReportRequest) => Promise<Answer>][] = [
  ['packed', (report) => postReport(Buffer.concat(packReport(report)), PACKED_REPORT_TYPE)],
  // As runners before version 3 of the protocol send it.
  ['in JSON', (report) => postReport(Buffer.from(JSON.stringify(report)), 'application/json')],
];
const postReport = (bytes: Uint8Array, type: string): Promise<Answer> =>
  post(`/runner/jobs/${job.id}/report`, bytes, type);

describe.each(ways)('a report %s', (_, send) => {
  test.each(hostile)(
    'whose blocks have %s is refused, and the job goes on',
    async (_, blocks, code) => {
      const body = reportOf(job, { log_blocks: [...blocks()] });
      expect((await send(body)).body).toMatchObject({ code });
      expect(await textOf(job.id)).toEqual([]);
      // The number of the report is still free, and so are those of its lines.
      const good = reportOf(job, {
        log_blocks: [block(1, 'first\n'), block(2, 'second\nthird\n')],
      });
      expect(await send(good)).toMatchObject({ status: 200, body: { cancel: false } });
      await runner.finish(job, { state: 'succeeded' }, 2);
      expect(await textOf(job.id)).toEqual(['first', 'second', 'third']);
    },
  );

  test('that comes again, and in the other way, is stored once', async () => {
    const body = reportOf(job, { log_blocks: [block(1, 'once\n')] });
    for (const [, again] of [...ways, ...ways]) {
      expect(await again(body)).toMatchObject({ status: 200, body: { cancel: false } });
    }
    expect(await textOf(job.id)).toEqual(['once']);
  });
});

describe('a packed report', () => {
  const whole = (): Buffer =>
    Buffer.concat(packReport(reportOf(job, { log_blocks: [block(1, 'a\n'), block(2, 'b\n')] })));
  /** With another JSON before the same blocks. */
  const saying = (change: (head: { log_blocks: { length: unknown }[] }) => unknown): Buffer => {
    const bytes = whole();
    const blocksAt = 4 + bytes.readUInt32BE();
    const head = JSON.parse(bytes.toString('utf8', 4, blocksAt));
    const json = Buffer.from(JSON.stringify(change(head) ?? head));
    const length = Buffer.alloc(4);
    length.writeUInt32BE(json.length);
    return Buffer.concat([length, json, bytes.subarray(blocksAt)]);
  };
  const first = (length: unknown) => () =>
    saying(({ log_blocks: [block] }) => {
      Object.assign(block as object, { length });
    });

  test.each<[string, () => Buffer, string]>([
    ['with nothing in it', () => Buffer.alloc(0), 'has 0 bytes; expected 4'],
    ['that ends in the length', () => whole().subarray(0, 3), 'has 3 bytes; expected 4'],
    ['that ends in its JSON', () => whole().subarray(0, 40), 'bytes; expected at most 36'],
    ['that ends in a block', () => whole().subarray(0, -1), 'body.log_blocks[2].length is'],
    ['with bytes behind it', () => Buffer.concat([whole(), Buffer.of(0)]), 'has 1 bytes behind'],
    ['whose JSON is none', () => Buffer.from('\0\0\0\u0002{a'), 'line 1, column 2'],
    ['whose JSON is a list', () => saying(() => []), 'body is []; expected object'],
    ['whose JSON is no text', () => Buffer.of(0, 0, 0, 1, 0xff), 'it is not UTF-8'],
    ['without blocks', () => saying(({ log_blocks: _, ...head }) => head), 'log_blocks is missing'],
    ['with no block', () => saying((head) => ({ ...head, log_blocks: [] })), 'body.log_blocks is'],
    ['with a block of no bytes', first(0), 'body.log_blocks[1].length is 0'],
    ['with a negative length', first(-5), 'body.log_blocks[1].length is -5'],
    ['with half a byte', first(1.5), 'body.log_blocks[1].length is 1.5'],
    ['with a length of text', first('9'), 'body.log_blocks[1].length is "9"'],
    [
      'with a huge length',
      first(2 ** 31 - 1),
      'body.log_blocks[1].length is 2147483647; expected at',
    ],
    ['with data in its JSON', () => withData(), 'has no field "data"'],
  ])('%s is refused with what was found, and stores nothing', async (_, bytes, detail) => {
    const answer = await postReport(bytes(), PACKED_REPORT_TYPE);
    expect(answer).toMatchObject({
      status: 400,
      body: { detail: expect.stringContaining(detail) },
    });
    expect(await textOf(job.id)).toEqual([]);
  });

  const withData = (): Buffer =>
    saying(({ log_blocks: [block] }) => {
      Object.assign(block as object, { data: 'eA==' });
    });

  test('of more than a report may have is refused before it is read', async () => {
    const bytes = Buffer.concat([whole(), Buffer.alloc(33 * 1024 ** 2)]);
    const answer = await postReport(bytes, PACKED_REPORT_TYPE).catch(() => undefined);
    // Or the connection was closed before all of it was sent.
    expect(answer?.status ?? 413).toBe(413);
    expect(await textOf(job.id)).toEqual([]);
  });

  test.each([
    ['under the name of JSON', () => postReport(whole(), 'application/json'), 400],
    ['under another name', () => postReport(whole(), 'application/octet-stream'), 415],
    ['to another route', () => post('/runner/reports', whole(), PACKED_REPORT_TYPE), 415],
  ])('%s is refused', async (_, send, status) => {
    expect((await send()).status).toBe(status);
    expect(await textOf(job.id)).toEqual([]);
  });
});

test('a refused report costs those in the same request nothing', async () => {
  await server.client.launchPipeline({ ref, body: {} });
  const neighbour = await runner.claimOne();
  const { results } = await runner.client.reportJobs({
    body: {
      reports: [
        { job_id: job.id, ...reportOf(job, { log_blocks: [block(5, 'lost\n')] }) },
        { job_id: neighbour.id, ...reportOf(neighbour, { log_blocks: [block(1, 'kept\n')] }) },
      ],
    },
  });
  expect(results).toMatchObject([
    { job_id: job.id, problem: { code: 'RIVET_REPORT_GAP' } },
    { job_id: neighbour.id, cancel: false },
  ]);
  expect([await textOf(job.id), await textOf(neighbour.id)]).toEqual([[], ['kept']]);
});
