// One HTTP connection that costs little: requests of JSON one after the other, answers by length.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** The head of an answer ends here. */
const HEAD_END = Buffer.from('\r\n\r\n');

export interface JsonAnswer {
  readonly status: number;
  /** What was answered; undefined when that was nothing. */
  readonly body: unknown;
}

export interface ConnectionOptions {
  readonly url: string;
  /** Where one address has not enough ports: another of 127.0.0.0/8; any when absent. */
  readonly localAddress?: string;
}

interface Waiting {
  readonly resolve: (answer: JsonAnswer) => void;
  readonly reject: (error: Error) => void;
}

/** A connection that is kept; one request at a time. */
export class KeepAliveConnection {
  readonly #socket: Socket;
  readonly #host: string;
  readonly #prefix: string;
  #received: Buffer = Buffer.alloc(0);
  #waiting: Waiting | undefined;
  #ended: Error | undefined;

  /** Connects at once; what goes wrong is told by the first request. */
  constructor({ url, localAddress }: ConnectionOptions) {
    const { hostname, port, pathname } = new URL(url);
    this.#host = `${hostname}:${port}`;
    this.#prefix = pathname.replace(/\/$/, '');
    this.#socket = connect({
      host: hostname,
      port: Number(port),
      noDelay: true,
      ...(localAddress !== undefined && { localAddress }),
    });
    this.#socket.on('data', (chunk) => this.#receive(chunk));
    this.#socket.on('error', (error) => this.#end(error));
    this.#socket.on('close', () => this.#end(new Error('the server closed the connection')));
  }

  /** Whether the next request can be sent. */
  get usable(): boolean {
    return this.#ended === undefined && this.#waiting === undefined;
  }

  /** Sends one request and reads its answer. @throws when another one is still under way */
  post(path: string, token: string, body: object): Promise<JsonAnswer> {
    const text = JSON.stringify(body);
    const length = Buffer.byteLength(text);
    return this.#ask(() => {
      this.#socket.write(`${this.#head(path, token, 'application/json', length)}${text}`);
    });
  }

  /** The same with a body of another kind, in pieces. */
  send(
    path: string,
    token: string,
    contentType: string,
    pieces: readonly Uint8Array[],
  ): Promise<JsonAnswer> {
    const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
    return this.#ask(() => {
      // They leave together.
      this.#socket.cork();
      this.#socket.write(this.#head(path, token, contentType, length));
      for (const piece of pieces) this.#socket.write(piece);
      this.#socket.uncork();
    });
  }

  async close(): Promise<void> {
    if (this.#socket.closed) return;
    this.#socket.destroy();
    await once(this.#socket, 'close');
  }

  #head(path: string, token: string, contentType: string, length: number): string {
    return [
      `POST ${this.#prefix}${path} HTTP/1.1`,
      `host: ${this.#host}`,
      `authorization: Bearer ${token}`,
      `content-type: ${contentType}`,
      `content-length: ${length}`,
      '\r\n',
    ].join('\r\n');
  }

  #ask(write: () => void): Promise<JsonAnswer> {
    if (this.#waiting !== undefined) throw new Error('one request at a time');
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    write();
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }

  #receive(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    const headEnd = this.#received.indexOf(HEAD_END);
    if (headEnd < 0) return;
    const head = this.#received.toString('latin1', 0, headEnd);
    const status = Number(head.slice(9, 12));
    const length = lengthOf(head);
    const bodyStart = headEnd + HEAD_END.length;
    const bodyEnd = bodyStart + (length ?? 0);
    if (this.#received.length < bodyEnd) return;
    const text = this.#received.toString('utf8', bodyStart, bodyEnd);
    this.#received = this.#received.subarray(bodyEnd);
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (length === undefined && /\r\ntransfer-encoding:/i.test(head)) {
      waiting?.reject(new Error('an answer in chunks is more than this client reads'));
      return;
    }
    waiting?.resolve({ status, body: text === '' ? undefined : JSON.parse(text) });
  }

  #end(error: Error): void {
    this.#ended ??= error;
    this.#waiting?.reject(this.#ended);
    this.#waiting = undefined;
  }
}

/** Of a body, in bytes: as our server writes it, or as anybody may. */
function lengthOf(head: string): number | undefined {
  const at = head.indexOf('\r\ncontent-length: ');
  const ours = at < 0 ? Number.NaN : Number.parseInt(head.slice(at + 18, at + 30), 10);
  if (!Number.isNaN(ours)) return ours;
  const [, length] = /\r\ncontent-length: *(\d+)/i.exec(head) ?? [];
  return length === undefined ? undefined : Number(length);
}
