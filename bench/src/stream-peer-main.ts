// The least that sends events to many: node:http, and one buffer for all. The peer of the benchmark
// streams.
import { createServer, type ServerResponse } from 'node:http';

const subscribers = new Set<ServerResponse>();

const server = createServer((request, response) => {
  if (request.method === 'GET') {
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
    response.write('retry: 500\n\n');
    subscribers.add(response);
    response.on('close', () => subscribers.delete(response));
    return;
  }
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const line = JSON.parse(Buffer.concat(chunks).toString()) as { readonly n: number };
    const frame = Buffer.from(`id: 1:${line.n}\nevent: line\ndata: ${JSON.stringify(line)}\n\n`);
    for (const subscriber of subscribers) subscriber.write(frame);
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': 2 }).end('{}');
  });
});
// Lines may be far apart, and each comes over the same connection.
server.keepAliveTimeout = 0;
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const url = `http://127.0.0.1:${port}`;
  process.stdout.write(`${JSON.stringify({ event: 'listening', url })}\n`);
});
