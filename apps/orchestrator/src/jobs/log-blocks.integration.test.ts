// Blocks of log lines that a broken or hostile runner sends: each is refused, stores nothing, and
// leaves the job and its neighbours as they were.
import { zstdCompressSync } from 'node:zlib';
import { type ClaimedJob, encodeLogBlock, type LogBlock } from '@rivet/protocol';
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

describe('a report whose blocks have', () => {
  test.each(hostile)('%s is refused, and the job goes on', async (_, blocks, code) => {
    const body = reportOf(job, { log_blocks: [...blocks()] });
    await expect(runner.client.reportJob({ id: job.id, body })).rejects.toMatchObject({ code });
    expect(await textOf(job.id)).toEqual([]);
    // The number of the report is still free, and so are those of its lines.
    await runner.report(job, { log_blocks: [block(1, 'first\n'), block(2, 'second\nthird\n')] });
    await runner.finish(job, { state: 'succeeded' }, 2);
    expect(await textOf(job.id)).toEqual(['first', 'second', 'third']);
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
