// A TCP proxy that breaks connections the way networks do: cut, silent, slow, deaf in one
// direction, gone at a certain answer.
import { createServer, connect as openSocket, type Server, type Socket } from 'node:net';
import { sleep } from '@rivet/base';

/** `up`: from the client to the target; `down`: what the target answers. */
export type Direction = 'up' | 'down';

/** What is done to the bytes of one direction. */
export interface LinkFaults {
  /** Bytes are taken and never delivered; nobody is told: a partition without RST. */
  readonly silent: boolean;
  /** Each chunk arrives so much later, in milliseconds. */
  readonly delayMs: number;
  /** Added to the delay of each chunk, up to this many milliseconds; the order of bytes is kept. */
  readonly jitterMs: number;
  /** 0: as fast as it goes. */
  readonly bytesPerSecond: number;
}

const NO_FAULTS: LinkFaults = { silent: false, delayMs: 0, jitterMs: 0, bytesPerSecond: 0 };

export interface Target {
  readonly host: string;
  readonly port: number;
}

export interface TcpProxyOptions {
  readonly target: Target;
  /** A number in [0, 1); decides about jitter. */
  readonly random?: () => number;
}

/** Starts a proxy on a port of the loopback address. */
export async function startTcpProxy(options: TcpProxyOptions): Promise<TcpProxy> {
  const proxy = new TcpProxy(options);
  await proxy.listen();
  return proxy;
}

export class TcpProxy {
  readonly #server: Server;
  readonly #random: () => number;
  readonly #pairs = new Set<Pair>();
  readonly #faults: Record<Direction, LinkFaults> = { up: NO_FAULTS, down: NO_FAULTS };
  #target: Target;
  #refusing = false;
  #tripwire: { readonly direction: Direction; readonly bytes: Buffer } | undefined;
  #tripped = 0;
  #port = 0;

  constructor({ target, random = Math.random }: TcpProxyOptions) {
    this.#target = target;
    this.#random = random;
    // A side that has sent all it has may still be answered.
    this.#server = createServer({ allowHalfOpen: true }, (client) => this.#accept(client));
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(0, '127.0.0.1', resolve);
    });
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the proxy has no port');
    this.#port = address.port;
  }

  get port(): number {
    return this.#port;
  }

  /** Connections that go through it now. */
  get connections(): number {
    return this.#pairs.size;
  }

  /** How often the bytes of `cutAt` have come by. */
  get tripped(): number {
    return this.#tripped;
  }

  /** Where new connections go. */
  retarget(target: Target): void {
    this.#target = target;
  }

  /** From now on the faults of one direction, or of both, are these; without any it is healthy. */
  set(faults: Partial<LinkFaults>, direction?: Direction): void {
    for (const each of direction === undefined ? (['up', 'down'] as const) : [direction]) {
      this.#faults[each] = { ...NO_FAULTS, ...faults };
    }
  }

  /** Ends every connection with RST; new ones are taken. Returns how many there were. */
  cut(): number {
    const pairs = [...this.#pairs];
    for (const pair of pairs) pair.reset();
    return pairs.length;
  }

  /** Ends every connection with RST and refuses new ones until `mend`. */
  break(): number {
    this.#refusing = true;
    return this.cut();
  }

  /** Ends all faults; what was swallowed stays lost, so silenced connections are cut. */
  mend(): void {
    const wasSilent = this.#faults.up.silent || this.#faults.down.silent;
    this.#refusing = false;
    this.#tripwire = undefined;
    this.set({});
    if (wasSilent) this.cut();
  }

  /**
   * Cuts a connection the next time these bytes come by, before they are delivered: whoever waits
   * for them does not learn whether what it asked for was done. Once; then the proxy is healthy.
   */
  cutAt(bytes: string | Buffer, direction: Direction = 'down'): void {
    this.#tripwire = { direction, bytes: Buffer.from(bytes) };
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(client: Socket): void {
    if (this.#refusing) {
      client.on('error', () => undefined);
      client.resetAndDestroy();
      return;
    }
    const target = openSocket({ ...this.#target, allowHalfOpen: true });
    const pair = new Pair(client, target, () => this.#pairs.delete(pair));
    this.#pairs.add(pair);
    void this.#forward('up', client, target, pair);
    void this.#forward('down', target, client, pair);
  }

  /** Reads one chunk after the other, so a slow or delayed link pushes back on its sender. */
  async #forward(direction: Direction, from: Socket, to: Socket, pair: Pair): Promise<void> {
    try {
      for await (const chunk of from as AsyncIterable<Buffer>) {
        if (this.#trips(direction, chunk)) return pair.reset();
        const { silent, delayMs, jitterMs, bytesPerSecond } = this.#faults[direction];
        if (silent) continue;
        const slowMs = bytesPerSecond === 0 ? 0 : (chunk.length / bytesPerSecond) * 1000;
        const pauseMs = delayMs + jitterMs * this.#random() + slowMs;
        if (pauseMs > 0) await sleep(pauseMs, pair.closed);
        if (pair.closed.aborted) return;
        if (!to.write(chunk)) await pair.drained(to);
      }
      if (!this.#faults[direction].silent) to.end();
    } catch {
      // One side is gone: so is the connection.
      pair.reset();
    }
  }

  #trips(direction: Direction, chunk: Buffer): boolean {
    if (this.#tripwire?.direction !== direction || !chunk.includes(this.#tripwire.bytes)) {
      return false;
    }
    this.#tripwire = undefined;
    this.#tripped += 1;
    return true;
  }
}

/** The two sockets of one connection. */
class Pair {
  readonly #client: Socket;
  readonly #target: Socket;
  readonly #closed = new AbortController();

  constructor(client: Socket, target: Socket, onClosed: () => void) {
    this.#client = client;
    this.#target = target;
    for (const socket of [client, target]) {
      socket.setNoDelay(true);
      socket.on('error', () => this.reset());
      socket.on('close', () => {
        if (!client.destroyed || !target.destroyed) return;
        this.#closed.abort();
        onClosed();
      });
    }
  }

  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  reset(): void {
    this.#closed.abort();
    this.#client.resetAndDestroy();
    this.#target.resetAndDestroy();
  }

  /** Resolves when `socket` takes bytes again, or the connection is gone. */
  drained(socket: Socket): Promise<void> {
    return new Promise((resolve) => {
      const go = (): void => {
        socket.off('drain', go);
        this.closed.removeEventListener('abort', go);
        resolve();
      };
      socket.once('drain', go);
      this.closed.addEventListener('abort', go, { once: true });
    });
  }
}
