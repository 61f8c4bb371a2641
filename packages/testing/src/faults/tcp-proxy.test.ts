// What the proxy does to connections is what the tests that use it believe.
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts';

let echo: Server;
let proxy: TcpProxy;
const sockets: Socket[] = [];

beforeEach(async () => {
  echo = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined);
    socket.pipe(socket);
  });
  echo.listen(0, '127.0.0.1');
  await once(echo, 'listening');
  const { port } = echo.address() as { port: number };
  proxy = await startTcpProxy({ target: { host: '127.0.0.1', port } });
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await proxy.close();
  echo.close();
});

async function open(): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port: proxy.port });
  sockets.push(socket);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

async function ask(socket: Socket, text: string): Promise<string> {
  const answer = once(socket, 'data');
  socket.write(text);
  const [bytes] = (await answer) as [Buffer];
  return bytes.toString();
}

function ended(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''));
    socket.once('close', () => resolve('closed'));
  });
}

describe('the TCP proxy', () => {
  it('passes everything on, in both directions and to the end', async () => {
    const socket = await open();
    const sent = Buffer.alloc(3_000_000, 'abcdefg');
    const received: Buffer[] = [];
    socket.on('data', (bytes: Buffer) => received.push(bytes));
    socket.end(sent);
    await once(socket, 'end');
    expect(Buffer.concat(received).equals(sent)).toBe(true);
  });

  it('cuts the connections that are there, with a reset, and takes new ones', async () => {
    const socket = await open();
    await ask(socket, 'a');
    const end = ended(socket);
    expect(proxy.cut()).toBe(1);
    expect(await end).toBe('ECONNRESET');
    expect(proxy.connections).toBe(0);
    expect(await ask(await open(), 'b')).toBe('b');
  });

  it('refuses connections while it is broken', async () => {
    proxy.break();
    const socket = connect({ host: '127.0.0.1', port: proxy.port });
    sockets.push(socket);
    expect(await ended(socket)).toBe('ECONNRESET');
    proxy.mend();
    expect(await ask(await open(), 'b')).toBe('b');
  });

  it('loses what is answered while it is deaf, though the question arrives', async () => {
    const arrived = new Promise<string>((resolve) => {
      echo.once('connection', (socket: Socket) => {
        socket.once('data', (bytes: Buffer) => resolve(bytes.toString()));
      });
    });
    proxy.set({ silent: true }, 'down');
    const socket = await open();
    let answered = false;
    socket.once('data', () => {
      answered = true;
    });
    socket.write('question');
    expect(await arrived).toBe('question');
    const end = ended(socket);
    proxy.mend();
    expect(await end).toBe('ECONNRESET');
    expect(answered).toBe(false);
  });

  it('delays what it passes on, and keeps its order', async () => {
    proxy.set({ delayMs: 40, jitterMs: 20 });
    const socket = await open();
    const startedAt = performance.now();
    expect(await ask(socket, 'slow')).toBe('slow');
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(79);
  });

  it('lets no more bytes through in a second than it was told', async () => {
    proxy.set({ bytesPerSecond: 10_000 }, 'up');
    const socket = await open();
    const startedAt = performance.now();
    await ask(socket, 'x'.repeat(1000));
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(99);
  });

  it('cuts once before certain bytes are delivered', async () => {
    proxy.cutAt('COMMIT');
    const socket = await open();
    expect(await ask(socket, 'BEGIN')).toBe('BEGIN');
    const end = ended(socket);
    socket.write('COMMIT');
    expect(await end).toBe('ECONNRESET');
    expect(proxy.tripped).toBe(1);
    expect(await ask(await open(), 'COMMIT')).toBe('COMMIT');
  });

  it('brings new connections to another target', async () => {
    const other = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.end('the other');
    });
    other.listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    proxy.retarget({ host: '127.0.0.1', port });
    const socket = await open();
    const [bytes] = (await once(socket, 'data')) as [Buffer];
    expect(bytes.toString()).toBe('the other');
    other.close();
  });
});
