// The function that sends requests without the global fetch, against servers that do what they may.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createClient } from './client.ts';
import type { FetchInit } from './fetch.ts';
import { createHttpFetch } from './http-fetch.ts';

const open: Server[] = [];

afterEach(async () => {
  for (const server of open.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

async function serve(
  handler: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<{ url: string; server: Server }> {
  const server = createServer(handler);
  open.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/a?b=c`, server };
}

const get = (more: Partial<FetchInit> = {}): FetchInit => ({
  method: 'GET',
  headers: {},
  redirect: 'error',
  signal: new AbortController().signal,
  ...more,
});

describe('a fetch over node:http', () => {
  it('sends method, address, headers and body, and gives status, headers and body', async () => {
    const { url } = await serve(async (request, response) => {
      let body = '';
      for await (const piece of request) body += piece;
      const { method, url: path, headers } = request;
      response.writeHead(201, { 'x-asked': ['one', 'two'] });
      response.end(
        JSON.stringify([method, path, headers['x-own'], headers['content-length'], body]),
      );
    });
    const init = get({ method: 'POST', headers: { 'x-own': 'yes' }, body: '{"ä":1}' });
    const answer = await createHttpFetch()(url, init);
    expect(answer).toMatchObject({ ok: true, status: 201, url });
    expect(answer.headers.get('X-Asked')).toBe('one, two');
    expect(answer.headers.get('x-other')).toBeNull();
    expect(await answer.json()).toEqual(['POST', '/a?b=c', 'yes', '8', '{"ä":1}']);
  });

  it('sends a body in pieces as one, on a new connection and on one that is kept', async () => {
    const { url } = await serve(async (request, response) => {
      const pieces: Buffer[] = [];
      for await (const piece of request) pieces.push(piece as Buffer);
      const { 'content-length': length, 'transfer-encoding': encoding } = request.headers;
      response.end(JSON.stringify([length, encoding ?? null, [...Buffer.concat(pieces)]]));
    });
    const fetch = createHttpFetch();
    const body = [Uint8Array.of(0, 255), Buffer.alloc(0), Buffer.from('ä')];
    for (const _ of ['new', 'kept']) {
      const answer = await fetch(url, get({ method: 'POST', body }));
      expect(await answer.json()).toEqual(['4', null, [0, 255, 0xc3, 0xa4]]);
    }
  });

  it('uses a connection again', async () => {
    let connections = 0;
    const { url, server } = await serve((_, response) => response.end('x'));
    server.on('connection', () => {
      connections += 1;
    });
    const fetch = createHttpFetch();
    for (let count = 0; count < 3; count += 1) {
      expect(await (await fetch(url, get())).text()).toBe('x');
    }
    expect(connections).toBe(1);
  });

  it('has no body where the status says that there is none', async () => {
    const { url } = await serve((_, response) => response.writeHead(204).end());
    const answer = await createHttpFetch()(url, get());
    expect(answer).toMatchObject({ ok: true, status: 204, body: null });
  });

  it('gives the body as a stream that ends its connection when it is canceled', async () => {
    const closed = Promise.withResolvers<void>();
    const { url } = await serve((request, response) => {
      request.socket.once('close', () => closed.resolve());
      response.write('first');
    });
    const { body } = await createHttpFetch()(url, get());
    const reader = body!.getReader();
    expect(Buffer.from((await reader.read()).value!).toString()).toBe('first');
    await reader.cancel();
    await closed.promise;
  });

  it('goes nowhere else, whatever the server says', async () => {
    const { url } = await serve((_, response) =>
      response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
    );
    await expect(createHttpFetch()(url, get())).rejects.toThrow('unexpected redirect (302)');
  });

  it('rejects when the answer is cut in its middle', async () => {
    const { url } = await serve((request, response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('half', () => request.socket.destroy());
    });
    const answer = await createHttpFetch()(url, get());
    await expect(answer.text()).rejects.toMatchObject({ code: 'ECONNRESET' });
  });

  it.each(['before it is sent', 'while it waits', 'while its body is read'])(
    'ends a request that is aborted %s',
    async (when) => {
      const controller = new AbortController();
      const { url } = await serve((_, response) => {
        if (when === 'while it waits') controller.abort();
        else response.write('x');
      });
      if (when === 'before it is sent') controller.abort();
      const answer = createHttpFetch()(url, get({ signal: controller.signal }));
      const text = answer.then(async (head) => {
        const read = head.text();
        controller.abort();
        return await read;
      });
      await expect(text).rejects.toMatchObject({ name: 'AbortError' });
    },
  );

  it('speaks to nobody without https where it has an authority', async () => {
    const fetch = createHttpFetch('a certificate');
    await expect(fetch('http://127.0.0.1:1/', get())).rejects.toThrow(/is not https/);
  });

  it('says in the words of the client why there is no answer', async () => {
    const client = createClient({
      url: 'http://127.0.0.1:1',
      fetch: createHttpFetch(),
      triesMax: 1,
    });
    await expect(client.getHealth()).rejects.toThrow(/connection refused/);
  });
});
