// A client of an event stream, for tests: reads when it is told to.
import { EventEmitter } from 'node:events';
import type { FastifyReply } from 'fastify';
import { EventStream } from './event-stream.ts';

export interface SentEvent {
  readonly event: string;
  readonly data: unknown;
}

/** As much of a response as a stream uses. What is written while it is held waits. */
class FakeResponse extends EventEmitter {
  writableLength = 0;
  destroyed = false;
  readonly socket = { bytesWritten: 0 };
  text = '';
  #held: Buffer[] | undefined;

  writeHead(): void {}

  flushHeaders(): void {}

  write(bytes: Buffer | string): void {
    const buffer = Buffer.from(bytes);
    this.socket.bytesWritten += buffer.length;
    if (this.#held === undefined) {
      this.text += buffer.toString();
      return;
    }
    this.#held.push(buffer);
    this.writableLength += buffer.length;
  }

  end(): void {
    this.destroy();
  }

  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }

  hold(): void {
    this.#held ??= [];
  }

  read(): void {
    this.text += Buffer.concat(this.#held ?? []).toString();
    this.#held = undefined;
    this.writableLength = 0;
    this.emit('drain');
  }
}

export class FakeClient {
  readonly stream: EventStream;
  readonly #response = new FakeResponse();

  constructor() {
    const reply = { hijack: () => undefined, raw: this.#response, getHeaders: () => ({}) };
    this.stream = new EventStream(reply as unknown as FastifyReply);
  }

  /** What it has read, in order. */
  get events(): SentEvent[] {
    return [...this.#response.text.matchAll(/^event: (.*)\ndata: (.*)$/gm)].map(
      ([, event = '', data = '']) => ({ event, data: JSON.parse(data) as unknown }),
    );
  }

  /** Reads nothing until `read`. */
  hold(): void {
    this.#response.hold();
  }

  /** Takes all that waited, and from now on all at once. */
  read(): void {
    this.#response.read();
  }

  leave(): void {
    this.#response.destroy();
  }
}
