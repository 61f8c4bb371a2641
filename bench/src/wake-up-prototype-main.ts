// The least that wakes a waiting request: LISTEN, and an answer to what is held. The peer of the
// benchmark wake-up.
import { createServer, type ServerResponse } from 'node:http';
import { silentLogger } from '@rivet/base';
import { createDatabase } from '@rivet/store';

const [, , url = ''] = process.argv;
const applicationName = 'rivet-bench-prototype';
const database = createDatabase({ url, applicationName, logger: silentLogger, connectionsMax: 1 });
const listening = await database.connect();
let held: ServerResponse | undefined;

listening.on('notification', ({ payload = '' }) => {
  held?.setHeader('content-type', 'application/json').setHeader('content-length', payload.length);
  held?.end(payload);
  held = undefined;
});
await listening.query('LISTEN bench_wake_up');
const server = createServer((request, response) => {
  request.resume();
  held = response;
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  process.stdout.write(
    `${JSON.stringify({ event: 'listening', url: `http://127.0.0.1:${port}` })}\n`,
  );
});
process.once('SIGTERM', async () => {
  server.close();
  server.closeAllConnections();
  await listening.end();
  await database.close();
});
