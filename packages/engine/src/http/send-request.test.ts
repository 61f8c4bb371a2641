// Requests to servers of our own: what goes out, what comes back, when it is tried again.
import type { IncomingMessage, RequestListener } from 'node:http';
import { RivetError, SecretText } from '@rivet/base';
import type { LuaValue } from '@rivet/lua';
import { afterEach, describe, expect, it } from 'vitest';
import { NULL, send, serveHttp, type TestServer } from '../testing/http-client.ts';
import { createRateLimit } from './rate-limit.ts';

const servers: TestServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function serve(listener: RequestListener): Promise<TestServer> {
  const server = await serveHttp(listener);
  servers.push(server);
  return server;
}

interface Seen {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** A server that keeps what it was asked, and answers by `answer`. */
async function recorder(
  answer: (
    seen: Seen,
    index: number,
  ) => { status?: number; headers?: Record<string, string>; body?: string },
): Promise<TestServer & { readonly seen: Seen[] }> {
  const seen: Seen[] = [];
  const server = await serve(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { method = '', url: path = '', headers } = request;
    const each = { method, path, headers, body: Buffer.concat(chunks).toString() };
    seen.push(each);
    const { status = 200, headers: out = {}, body = '' } = answer(each, seen.length - 1);
    response.writeHead(status, out).end(body);
  });
  return { ...server, seen };
}

const secret = (text: string) => new SecretText(text) as unknown as LuaValue;
const fail = async (promise: Promise<unknown>): Promise<RivetError> => {
  const error: unknown = await promise.then(
    () => new Error('it was answered'),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(RivetError);
  return error as RivetError;
};

describe('a request', () => {
  it('carries method, query, headers and body, and brings status, headers and body back', async () => {
    const server = await recorder(() => ({
      status: 201,
      headers: { 'X-One': 'a', 'content-type': 'text/plain' },
      body: 'done',
    }));
    const answer = await send({
      method: 'post',
      url: `${server.url}/a%20b?x=1%2C2`,
      query: { page: 2, tag: ['a', 'b&c'] },
      headers: { 'X-Team': 'ci', 'X-Count': 3 },
      body: 'text',
    });
    expect(answer).toMatchObject({ status: 201, headers: { 'x-one': 'a' }, body: 'done' });
    expect(server.seen).toMatchObject([
      {
        method: 'POST',
        path: '/a%20b?x=1%2C2&page=2&tag=a&tag=b%26c',
        headers: { 'x-team': 'ci', 'x-count': '3', 'user-agent': 'rivet', accept: '*/*' },
        body: 'text',
      },
    ]);
    expect(answer.log).toHaveLength(1);
    expect(answer.log[0]).toMatch(
      /^debug POST http:\/\/127\.0\.0\.1:\d+\/a%20b\?… → 201 in [\d.]+m?s$/,
    );
  });

  it('sends JSON with nulls and secrets, and forms', async () => {
    const server = await recorder(() => ({}));
    await send({ method: 'PUT', url: server.url, json: { a: [1, NULL], token: secret('s3cret') } });
    await send({ method: 'POST', url: server.url, form: { user: 'a b', ok: true } });
    expect(server.seen).toMatchObject([
      { body: '{"a":[1,null],"token":"s3cret"}', headers: { 'content-type': 'application/json' } },
      {
        body: 'user=a+b&ok=true',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
      },
    ]);
  });

  it('logs in with bearer and basic, whose values may be secrets', async () => {
    const server = await recorder(() => ({}));
    await send({ url: server.url, bearer: secret('tok') });
    await send({ url: server.url, basic: ['me', secret('p:w')] });
    expect(server.seen.map(({ headers }) => headers.authorization)).toEqual([
      'Bearer tok',
      `Basic ${Buffer.from('me:p:w').toString('base64')}`,
    ]);
  });

  it('shows nothing of a URL that is a secret, in the log or in an error', async () => {
    const server = await recorder(() => ({ status: 302, headers: { location: '/hooks/T0K3N2' } }));
    const error = await fail(send({ url: secret(`${server.url}/hooks/T0K3N`) }));
    expect(error.code).toBe('RIVET_HTTP_REDIRECT');
    expect(error.message).toBe('GET ***: more than 5 redirects; the last was from it');
  });

  it.each([
    [{ headers: { 'X-A': 'b\r\nX-Evil: 1' } }, 'headers["X-A"] is "b\\r\\nX-Evil: 1"'],
    [{ headers: { 'X-A': secret('b\n') } }, 'headers["X-A"] is a secret value; expected one line'],
    [{ headers: { 'X A': '1' } }, 'a name in headers is "X A"'],
    [{ headers: { Host: 'other' } }, 'Rivet sets this one itself'],
    [{ headers: { 'Content-Length': '0' } }, 'Rivet sets this one itself'],
    [{ headers: { 'X-A': '1', 'x-a': '2' } }, 'each header once'],
    [{ headers: { authorization: 'Bearer ***' } }, 'joined with `..` it becomes ***'],
    [{ bearer: 'a', basic: ['b', 'c'] }, 'two ways to log in'],
    [{ bearer: 'a\nb' }, 'bearer is "Bearer a\\nb"'],
    [{ basic: ['a:b', 'c'] }, 'a user without a colon'],
    [{ basic: ['a'] }, 'a list of a user and a password'],
    [{ body: 'x' }, 'GET has no body'],
    [{ method: 'POST', body: 'x', json: 1 }, 'options is body and json; expected one of'],
    [{ method: 'CONNECT' }, 'method is "CONNECT"'],
    [{ method: 'GET /x HTTP/1.1\r\n' }, 'a method such as'],
    [{ timeout: 0 }, 'more than 0 seconds'],
    [{ retries: 11 }, 'retries is 11; expected a whole number from 0 to 10'],
    [{ retries: { max: 1, on: ['conect'] } }, 'retries.on[1] is "conect"; expected one of'],
    [{ retries: { on: [200] } }, 'from 400 to 599'],
    [{ max_bytes: '1GB' }, 'at most 10MB; http.download takes more'],
    [{ timout: 3 }, 'has no option "timout"; did you mean "timeout"?'],
  ] as [Record<string, LuaValue>, string][])(
    'refuses %j before it is made',
    async (options, message) => {
      const server = await recorder(() => ({}));
      const error = await fail(send({ url: server.url, ...options }));
      expect(error.message).toContain(message);
      expect(server.connections()).toBe(0);
    },
  );
});

describe('redirects', () => {
  it('are followed; 303 and a POST at 302 become GET without a body, 307 keeps both', async () => {
    const server = await recorder(({ path }) =>
      path.startsWith('/go/')
        ? { status: Number(path.slice(4)), headers: { location: '../end?x=1#frag' } }
        : { body: 'end' },
    );
    for (const status of [302, 303, 307]) {
      const answer = await send({ method: 'POST', url: `${server.url}/go/${status}`, body: 'b' });
      expect(answer).toMatchObject({ body: 'end', url: `${server.url}/end?x=1` });
    }
    await send({ method: 'PUT', url: `${server.url}/go/301`, body: 'b' });
    const ends = server.seen.filter(({ path }) => path.startsWith('/end'));
    expect(
      ends.map(({ method, body, headers }) => [method, body, headers['content-length']]),
    ).toEqual([
      ['GET', '', undefined],
      ['GET', '', undefined],
      ['POST', 'b', '1'],
      ['PUT', 'b', '1'],
    ]);
  });

  it('to another origin lose credentials, cookies and every secret', async () => {
    const other = await recorder(() => ({}));
    const server = await recorder(({ path }) =>
      path === '/here'
        ? { status: 302, headers: { location: '/there' } }
        : { status: 302, headers: { location: `${other.url}/x` } },
    );
    await send({
      url: `${server.url}/here`,
      bearer: 'tok',
      headers: { Cookie: 'a=b', 'X-Key': secret('k'), 'X-Open': 'o' },
    });
    expect(server.seen[1]!.headers).toMatchObject({ authorization: 'Bearer tok', 'x-key': 'k' });
    const { headers } = other.seen[0]!;
    expect(headers['x-open']).toBe('o');
    expect([headers.authorization, headers.cookie, headers['x-key']]).toEqual(
      Array(3).fill(undefined),
    );
  });

  it('to another origin are refused with a secret in the body', async () => {
    const other = await recorder(() => ({}));
    const server = await recorder(() => ({ status: 307, headers: { location: other.url } }));
    const options = { method: 'POST', url: server.url, json: { k: secret('k') } };
    expect((await fail(send(options))).message).toContain('would get the secret in the body');
    expect(other.connections()).toBe(0);
  });

  it('end at a limit, and are the answer themselves with redirects = 0', async () => {
    const server = await recorder(() => ({ status: 301, headers: { location: '/again' } }));
    expect((await fail(send({ url: server.url, redirects: 3 }))).message).toContain(
      'more than 3 redirects',
    );
    expect(server.seen).toHaveLength(4);
    expect(await send({ url: server.url, redirects: 0 })).toMatchObject({
      status: 301,
      headers: { location: '/again' },
    });
  });

  it.each(['file:///etc/passwd', 'gopher://127.0.0.1/', 'http://[::', 'javascript:alert(1)'])(
    'to %s are refused',
    async (location) => {
      const server = await recorder(() => ({ status: 302, headers: { location } }));
      expect((await fail(send({ url: server.url }))).code).toBe('RIVET_HTTP_REDIRECT');
    },
  );

  it('do not carry on the user that a server puts into the URL', async () => {
    const server: TestServer & { seen: Seen[] } = await recorder(({ path }) =>
      path === '/'
        ? { status: 302, headers: { location: `http://evil:pw@127.0.0.1:${server.port}/end` } }
        : {},
    );
    expect((await send({ url: server.url })).url).toBe(`${server.url}/end`);
    expect(server.seen[1]!.headers.authorization).toBeUndefined();
  });
});

describe('trying again', () => {
  const flaky = (failures: number, status: number, headers: Record<string, string> = {}) =>
    recorder((_, index) => (index < failures ? { status, headers } : { body: 'at last' }));

  it('happens for the statuses of overloaded servers, as often as was asked for', async () => {
    const server = await flaky(2, 503);
    const answer = await send({ url: server.url, retries: { max: 2, delay: '1ms' } });
    expect(answer).toMatchObject({ status: 200, body: 'at last' });
    expect(answer.log).toHaveLength(5);
    expect(answer.log[1]).toMatch(
      /^info GET .* was answered with 503; trying again in \dms \(2 left\)$/,
    );
  });

  it('does not happen unless asked for, and gives the last answer when it does not help', async () => {
    const server = await flaky(9, 503);
    expect(await send({ url: server.url })).toMatchObject({ status: 503 });
    expect(server.seen).toHaveLength(1);
    expect(await send({ url: server.url, retries: { max: 2, delay: '1ms' } })).toMatchObject({
      status: 503,
    });
    expect(server.seen).toHaveLength(4);
  });

  it('waits as long as Retry-After says', async () => {
    const server = await flaky(1, 429, { 'retry-after': '1' });
    const before = performance.now();
    await send({ url: server.url, retries: { max: 1, delay: '1ms' } });
    expect(performance.now() - before).toBeGreaterThan(990);
  });

  it('gives up when Retry-After asks for more patience than there is', async () => {
    const server = await flaky(1, 429, { 'retry-after': '3600' });
    const answer = await send({ url: server.url, retries: { max: 3, max_delay: '2s' } });
    expect(answer.status).toBe(429);
    expect(server.seen).toHaveLength(1);
  });

  it('happens for a POST only where the server has not acted', async () => {
    const broken = await flaky(1, 502);
    const busy = await flaky(1, 503);
    const retries = { max: 1, delay: '1ms' };
    expect((await send({ method: 'POST', url: broken.url, retries })).status).toBe(502);
    expect((await send({ method: 'POST', url: busy.url, retries })).status).toBe(200);
    const on = { ...retries, on: [502] };
    const asked = await flaky(1, 502);
    expect((await send({ method: 'POST', url: asked.url, retries: on })).status).toBe(200);
  });

  it('happens when a connection breaks, and when none opens', async () => {
    let count = 0;
    const server = await serve((request, response) => {
      count += 1;
      if (count === 1) request.socket.destroy();
      else response.end('ok');
    });
    const retries = { max: 1, delay: '1ms' };
    expect((await send({ url: server.url, retries })).body).toBe('ok');
    await server.close();
    const error = await fail(send({ url: server.url, retries }));
    expect(error.code).toBe('RIVET_HTTP_CONNECT');
    expect(error.message).toContain('it was refused, nothing listens there (ECONNREFUSED)');
  });

  it('stops waiting when the job is canceled', async () => {
    const server = await flaky(9, 503, { 'retry-after': '30' });
    const controller = new AbortController();
    const reason = RivetError.of('RIVET_JOB_CANCELED', {});
    const sent = send(
      { url: server.url, retries: 1 },
      {
        sender: {
          signal: controller.signal,
          log: async (level) => void (level === 'info' && controller.abort(reason)),
        },
      },
    );
    expect(await fail(sent)).toBe(reason);
  });
});

describe('the rate', () => {
  it('lets one second of requests through at once and holds the others back', async () => {
    const server = await recorder(() => ({}));
    const rates = [createRateLimit(20)];
    const before = performance.now();
    await Promise.all(
      Array.from({ length: 24 }, () => send({ url: server.url }, { sender: { rates } })),
    );
    expect(performance.now() - before).toBeGreaterThan(190);
    expect(server.seen).toHaveLength(24);
  });

  it('does not count as time of the request', async () => {
    const server = await recorder(() => ({}));
    const rates = [createRateLimit(2)];
    const options = { url: server.url, timeout: '400ms' };
    const sent = Array.from({ length: 4 }, () => send(options, { sender: { rates } }));
    expect((await Promise.all(sent)).map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  });
});
