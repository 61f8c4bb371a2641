// Clients that follow one stream, many in one process: tells how long each line was under way to
// all of them.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

interface Options {
  readonly url: string;
  readonly path: string;
  readonly token: string;
  readonly count: number;
  readonly localAddress: string;
}

/** How many connect at the same time. */
const CONNECTING = 16;

const options = JSON.parse(process.argv[2] ?? '{}') as Options;
const { hostname, port } = new URL(options.url);
const head = [
  `GET ${options.path} HTTP/1.1`,
  `host: ${hostname}:${port}`,
  `authorization: Bearer ${options.token}`,
  'accept: text/event-stream',
].join('\r\n');
/** How long each subscriber waited, by the number of the line. */
const waits = new Map<string, number[]>();

const numbers = Array.from({ length: options.count }).values();
await Promise.all(Array.from({ length: CONNECTING }, connectNext));
tell({ event: 'connected' });

async function connectNext(): Promise<void> {
  for (const _ of numbers) {
    const { localAddress } = options;
    const socket = connect({ host: hostname, port: Number(port), localAddress, noDelay: true });
    socket.write(`${head}\r\n\r\n`);
    const [first] = (await once(socket, 'data')) as [Buffer];
    if (!first.includes(' 200 ')) throw new Error(`a stream was refused: ${first}`);
    follow(socket, first);
  }
}

function follow(socket: Socket, first: Buffer): void {
  let rest = '';
  const read = (chunk: Buffer): void => {
    const now = performance.timeOrigin + performance.now();
    const text = rest + chunk.toString('latin1');
    let end = 0;
    for (const match of text.matchAll(/line=(\d+) sent=([\d.]+);/g)) {
      end = match.index + match[0].length;
      note(match[1] ?? '', now - Number(match[2]));
    }
    // What may be the beginning of the next one.
    rest = text.slice(Math.max(end, text.length - 100));
  };
  read(first);
  socket.on('data', read);
  socket.on('close', () => {
    throw new Error('the server closed a stream');
  });
}

function note(line: string, ms: number): void {
  const seen = waits.get(line) ?? [];
  waits.set(line, seen);
  seen.push(ms);
  if (seen.length < options.count) return;
  waits.delete(line);
  tell({ event: `line ${line}`, waits: seen });
}

function tell(event: object): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}
