// Five hundred sign-ins at once: others are served, memory stays bounded, the surplus is told so.
import { expect, test } from 'vitest';
import { useTestOrchestrator } from '../test-orchestrator.ts';
import { PASSWORD, seedPersonWithPassword, send, signIn } from './test-people.ts';

const server = useTestOrchestrator();

test('of 500 at once few are hashed at a time, the surplus gets 429, and the API answers', async () => {
  const { name } = await seedPersonWithPassword(server.database);
  // Signed in once: the address is known, so its limit for strangers does not hide the queue.
  await signIn(server.url, name);
  const before = process.memoryUsage().rss;
  const storm = Promise.all(
    Array.from({ length: 500 }, (_, n) => {
      const body = n % 2 ? { name, password: PASSWORD } : { name: `no-${n}`, password: PASSWORD };
      return send(`${server.url}/api/auth/login`, { method: 'POST', body });
    }),
  );
  let over = false;
  void storm.finally(() => {
    over = true;
  });
  const { token } = server;
  const waits: number[] = [];
  let peak = before;
  while (!over) {
    const start = performance.now();
    expect((await send(`${server.url}/api/auth/me`, { token })).status).toBe(200);
    waits.push(performance.now() - start);
    peak = Math.max(peak, process.memoryUsage().rss);
  }
  const answers = await storm;
  const codes = new Map<string, number>();
  for (const { status, code } of answers) {
    const key = code ?? String(status);
    codes.set(key, (codes.get(key) ?? 0) + 1);
  }
  const known = ['200', 'RIVET_AUTH_LOGIN_FAILED', 'RIVET_AUTH_BUSY', 'RIVET_AUTH_THROTTLED'];
  expect(known).toEqual(expect.arrayContaining([...codes.keys()]));
  expect(codes.get('200')).toBeGreaterThan(0);
  for (const { status, headers } of answers.filter((answer) => answer.status === 429)) {
    expect([status, Number(headers.get('retry-after'))]).toEqual([429, expect.any(Number)]);
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
  }
  expect(answers.filter(({ status }) => status === 429).length).toBeGreaterThan(300);
  // Three hashings take 57 MB, five hundred would take 9.5 GB; the clients are in this process too.
  expect((peak - before) / 2 ** 20).toBeLessThan(300);
  expect(waits.length).toBeGreaterThan(3);
  const slowest = Math.max(...waits);
  // Generous, as the clients of the storm are in this process too.
  expect(slowest).toBeLessThan(10_000);
  console.info(
    `storm of 500: ${[...codes].map(([code, count]) => `${code} ${count}`).join(', ')}; ` +
      `+${Math.round((peak - before) / 2 ** 20)} MB; slowest other request ${Math.round(slowest)} ms`,
  );
}, 180_000);
