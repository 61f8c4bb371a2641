// What the client asks of the function that sends its requests: the part of `fetch` that it uses.

/** A request; `body` is JSON text, or pieces that are sent one behind the other. */
export interface FetchInit {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  /** An answer that sends us elsewhere counts as none. */
  readonly redirect: 'error';
  /** Ends the request, and the reading of its answer. */
  readonly signal: AbortSignal;
  readonly body?: string | readonly Uint8Array[];
}

/** An answer, as soon as its head is there; a `Response` is one. */
export interface Answer {
  /** Whether the status says success. */
  readonly ok: boolean;
  readonly status: number;
  /** Where it came from. */
  readonly url: string;
  readonly headers: { get(name: string): string | null };
  /** Null when the status says that there is none. */
  readonly body: ReadableStream<Uint8Array> | null;
  text(): Promise<string>;
  json(): Promise<unknown>;
}

/** Rejects when there is no answer. */
export type Fetch = (url: string, init: FetchInit) => Promise<Answer>;

/** Node's own, which takes a body in one piece. */
export const globalFetch: Fetch = (url, { body, ...init }) =>
  fetch(url, {
    ...init,
    ...(body !== undefined && { body: typeof body === 'string' ? body : Buffer.concat(body) }),
  });
