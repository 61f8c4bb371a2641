// Requests that come slowly, or never end, hold a connection for as long as is allowed; large ones
// that come together wait for their turn.
import { connect, type Socket } from 'node:net';
import { beforeAll, expect, test } from 'vitest';
import { FakeRunner, logLine, useTestOrchestrator } from '../test-orchestrator.ts';

const REQUEST_MS_MAX = 2000;

const server = useTestOrchestrator({ requestMsMax: REQUEST_MS_MAX });
/** Waits a minute for bodies, so that those of a test are held as long as it needs them. */
const patient = useTestOrchestrator();
let runner: FakeRunner;

beforeAll(async () => {
  runner = await FakeRunner.register(server.client);
});

/** A connection that has sent `head`, and what it was answered. */
function open(
  head: string,
  { url }: { url: string } = server,
): { socket: Socket; answer: () => string; closed: Promise<unknown> } {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  let answer = '';
  socket.setEncoding('utf8').on('data', (part: string) => {
    answer += part;
  });
  socket.on('error', () => undefined);
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.write(head);
  return { socket, answer: () => answer, closed };
}

const report = (length: number, token = runner.token) =>
  `POST /api/runner/jobs/01900000-0000-7000-8000-000000000000/report HTTP/1.1\r\n` +
  `host: localhost\r\nauthorization: Bearer ${token}\r\n` +
  `content-type: application/json\r\ncontent-length: ${length}\r\n\r\n`;

test.each([
  ['headers that never end', 'GET /healthz HTTP/1.1\r\nhost: localhost\r\nx-a: '],
  ['a body of a byte now and then', ''],
])('%s are cut off in time, with the reason', async (_, given) => {
  const startedAt = performance.now();
  const { socket, answer, closed } = open(given === '' ? report(1000) : given);
  const drip = setInterval(() => socket.write('a'), 100);
  await closed;
  clearInterval(drip);
  expect(performance.now() - startedAt).toBeLessThan(REQUEST_MS_MAX * 3);
  expect(answer()).toMatch(/^HTTP\/1.1 408 /);
  expect(answer()).toContain('RIVET_REQUEST_SLOW');
  expect(await server.client.getHealth()).toEqual({ status: 'ok' });
});

test('many large bodies of one caller are refused before they are read, others are served', async () => {
  const megabytes = 30 * 1024 * 1024;
  const caller = await FakeRunner.register(patient.client);
  const other = await FakeRunner.register(patient.client);
  // There is room for two of them.
  const large = Array.from({ length: 4 }, () => open(report(megabytes, caller.token), patient));
  const refused = (): string[] => large.map(({ answer }) => answer()).filter((text) => text !== '');
  await expect.poll(refused, { timeout: 60_000 }).toHaveLength(2);
  for (const text of refused()) {
    expect(text).toMatch(/^HTTP\/1.1 503 /);
    expect(text.toLowerCase()).toContain('retry-after: 1');
    expect(text).toContain('RIVET_SERVER_BUSY');
  }
  const logs = [logLine(1, 'x'.repeat(megabytes))];
  const body = { attempt: 1, lease_id: 'x', seq: 1, logs, stages: [], outputs: {} };
  const id = '01900000-0000-7000-8000-000000000000';
  const whole = { code: 'RIVET_JOB_NOT_FOUND' };
  await expect(other.client.reportJob({ id, body })).rejects.toMatchObject(whole);
  for (const { socket } of large) socket.destroy();
  await Promise.all(large.map(({ closed }) => closed));
  await expect(caller.client.reportJob({ id, body })).rejects.toMatchObject(whole);
});

test('somebody who is not known is read no more than 64 KB from', async () => {
  const response = await fetch(`${server.orchestrator.url}/api/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'x', password: 'y'.repeat(70_000) }),
  });
  expect(response.status).toBe(413);
  expect(await response.json()).toMatchObject({ detail: 'the body is larger than 64KB' });
});
