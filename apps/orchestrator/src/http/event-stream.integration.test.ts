// Streams of events end for who may not see the job any more, and nobody has too many (S21).
import { randomUUID } from 'node:crypto';
import { type ClientRequest, get, type IncomingMessage } from 'node:http';
import { uuidv7 } from '@rivet/base';
import type { ClaimedJob } from '@rivet/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PASSWORD, seedPersonWithPassword, signIn } from '../auth/test-people.ts';
import {
  FakeRunner,
  logLine,
  seedPerson,
  seedPipeline,
  useTestOrchestrator,
} from '../test-orchestrator.ts';
import { RECHECK_MS } from './stream-keeper.ts';

/** A machine that runs many tests at once is slow. */
const PATIENCE = { timeout: 60_000 };

const STREAMS_MAX = 4;

const server = useTestOrchestrator({ streamsPerUser: STREAMS_MAX });
let runner: FakeRunner;

beforeAll(async () => {
  runner = await FakeRunner.register(server.client);
});

async function sql(statement: string, values: unknown[] = []): Promise<void> {
  const client = await server.database.connect();
  try {
    await client.query(statement, values);
  } finally {
    await client.end();
  }
}

async function claimed(): Promise<ClaimedJob & { name: string }> {
  const name = await seedPipeline(server.database);
  await server.client.launchPipeline({ ref: name, body: {} });
  return { ...(await runner.claimOne()), name };
}

interface Stream {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  /** What has come so far. */
  text(): string;
  /** Milliseconds of the clock at which the server ended it. */
  readonly ended: Promise<number>;
  close(): void;
}

const open: ClientRequest[] = [];
afterAll(() => {
  for (const request of open) request.destroy();
});

function follow(path: string, headers: Record<string, string>): Promise<Stream> {
  return new Promise((resolve, reject) => {
    const request = get(`${server.url}${path}`, { headers, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (piece: string) => {
        text += piece;
      });
      response.on('error', () => {});
      resolve({
        status: response.statusCode ?? 0,
        headers: response.headers,
        text: () => text,
        ended: new Promise((end) => response.on('close', () => end(performance.now()))),
        close: () => request.destroy(),
      });
    });
    request.on('error', reject);
    open.push(request);
  });
}

const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });

async function grant(userId: string, pattern: string): Promise<void> {
  await sql(
    `INSERT INTO grants (id, user_id, object_kind, pattern, permissions, created_by)
     VALUES ($1, $2, 'pipeline', $3, '{pipelines.view}', 'test')`,
    [uuidv7(), userId, pattern],
  );
}

describe('a stream of a job', () => {
  it('is not there for who may not see the job, like one of a job that is not there', async () => {
    const job = await claimed();
    const { token, userId } = await seedPerson(server.database, 'user');
    await grant(userId, `not-${job.name}`);
    for (const kind of ['logs/stream', 'events']) {
      const foreign = await follow(`/api/jobs/${job.id}/${kind}`, bearer(token));
      const unknown = randomUUID();
      const missing = await follow(`/api/jobs/${unknown}/${kind}`, bearer(token));
      await Promise.all([foreign.ended, missing.ended]);
      expect([foreign.status, missing.status]).toEqual([404, 404]);
      expect(foreign.text().replaceAll(job.id, unknown)).toBe(missing.text());
    }
  });

  it('is for nobody without a token in a header, also not with one in the address', async () => {
    const job = await claimed();
    for (const query of ['', `?token=${server.token}`, `?access_token=${server.token}`]) {
      const stream = await follow(`/api/jobs/${job.id}/events${query}`, {});
      expect(stream.status).toBe(401);
      expect(stream.headers['content-type']).toMatch(/^application\/problem\+json/);
    }
  });

  it('has the headers that keep it out of caches and buffers', async () => {
    const job = await claimed();
    const stream = await follow(`/api/jobs/${job.id}/events`, bearer(server.token));
    expect(stream.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
      'x-content-type-options': 'nosniff',
      'content-security-policy': expect.stringContaining("default-src 'none'"),
    });
    stream.close();
  });

  it('ends within five seconds when its follower loses the right to see it, and tells no more', async () => {
    const job = await claimed();
    const path = `/api/jobs/${job.id}/logs/stream`;
    const person = async (): Promise<{ userId: string; token: string }> => {
      const made = await seedPerson(server.database, 'user');
      await grant(made.userId, job.name);
      return made;
    };
    const people = {
      disabled: await person(),
      ungranted: await person(),
      revoked: await person(),
      kept: await person(),
    };
    const cli = await seedPersonWithPassword(server.database, 'admin');
    const session = await signIn(server.url, cli.name);
    const web = await seedPersonWithPassword(server.database, 'admin');
    const entered = await fetch(`${server.url}/api/auth/browser`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name: web.name, password: PASSWORD }),
    });
    const cookie = entered.headers.getSetCookie()[0]?.split(';', 1)[0] ?? '';
    const streams: Record<string, Stream> = {
      disabled: await follow(path, bearer(people.disabled.token)),
      ungranted: await follow(path, bearer(people.ungranted.token)),
      revoked: await follow(path, bearer(people.revoked.token)),
      kept: await follow(path, bearer(people.kept.token)),
      'signed out': await follow(path, bearer(session.access_token)),
      'browser signed out': await follow(path, { cookie, 'sec-fetch-site': 'same-origin' }),
    };
    for (const stream of Object.values(streams)) expect(stream.status).toBe(200);
    await runner.report(job, { logs: [logLine(1, 'before')] });
    for (const stream of Object.values(streams)) {
      await expect.poll(() => stream.text(), PATIENCE).toContain('before');
    }

    const begin = performance.now();
    await sql('UPDATE users SET disabled_at = now() WHERE id = $1', [people.disabled.userId]);
    await sql('DELETE FROM grants WHERE user_id = $1', [people.ungranted.userId]);
    await sql('UPDATE api_keys SET revoked_at = now() WHERE user_id = $1', [people.revoked.userId]);
    await sql('UPDATE sessions SET ended_at = now() WHERE user_id = $1', [cli.id]);
    await fetch(`${server.url}/api/auth/browser`, { method: 'DELETE', headers: { cookie } });
    const { kept, ...lost } = streams;
    for (const [name, stream] of Object.entries(lost)) {
      const took = (await stream.ended) - begin;
      expect(took, name).toBeLessThan(40_000);
    }
    await runner.report(job, { seq: 2, logs: [logLine(2, 'after')] });
    await expect.poll(() => kept?.text(), PATIENCE).toContain('after');
    for (const [name, stream] of Object.entries(lost)) {
      expect(stream.text(), name).not.toContain('after');
    }
    expect(RECHECK_MS).toBeLessThan(5000);
    kept?.close();
  });

  it('is refused to who has as many as allowed, until one ends; others have theirs', async () => {
    const job = await claimed();
    const path = `/api/jobs/${job.id}/events`;
    const one = await seedPerson(server.database, 'admin');
    const streams: Stream[] = [];
    for (let count = 0; count < STREAMS_MAX; count += 1) {
      streams.push(await follow(path, bearer(one.token)));
    }
    expect(streams.map(({ status }) => status)).toEqual(Array(STREAMS_MAX).fill(200));
    const surplus = await follow(`/api/jobs/${job.id}/logs/stream`, bearer(one.token));
    await surplus.ended;
    expect(surplus.status).toBe(429);
    expect(surplus.headers['retry-after']).toBe('10');
    expect(JSON.parse(surplus.text())).toMatchObject({ code: 'RIVET_WEB_STREAMS' });
    const other = await seedPerson(server.database, 'admin');
    const others = await follow(path, bearer(other.token));
    expect(others.status).toBe(200);
    streams[0]?.close();
    await expect
      .poll(async () => (await follow(path, bearer(one.token))).status, PATIENCE)
      .toBe(200);
  });

  it('gives its slot back when the job ends', async () => {
    const job = await claimed();
    const { token } = await seedPerson(server.database, 'admin');
    const streams: Stream[] = [];
    for (let count = 0; count < STREAMS_MAX; count += 1) {
      streams.push(await follow(`/api/jobs/${job.id}/events`, bearer(token)));
    }
    await runner.finish(job, { state: 'succeeded' });
    await Promise.all(streams.map(({ ended }) => ended));
    const again = await follow(`/api/jobs/${job.id}/events`, bearer(token));
    expect(again.status).toBe(200);
    await again.ended;
    expect(again.text()).toContain('event: end');
  });
});
