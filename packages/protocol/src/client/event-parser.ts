// Reads server-sent events out of text that comes in pieces (WHATWG HTML, section 9.2.6).

/** One event as it was sent; `data` is not parsed yet. */
export interface RawEvent {
  readonly event: string;
  readonly data: string;
  /** Id of this event or the last one before it that had one. */
  readonly id: string | undefined;
}

export interface EventParser {
  /** Takes a piece of the stream and returns the events that it completes. */
  push(text: string): RawEvent[];
  /** What the server asked to wait before connecting again, in milliseconds. */
  readonly retryMs: number | undefined;
}

/** The longest event taken, in characters: an endless line must not fill the memory. */
const EVENT_CHARACTERS_MAX = 16 * 1024 * 1024;

/** A parser for one connection. */
export function createEventParser(): EventParser {
  let rest = '';
  let event = '';
  let data: string[] = [];
  let id: string | undefined;
  let retryMs: number | undefined;
  let size = 0;

  const takeLine = (line: string): RawEvent | undefined => {
    if (line === '') {
      const complete = data.length === 0 ? undefined : { event: event || 'message', id, data };
      event = '';
      data = [];
      size = 0;
      return complete && { ...complete, data: complete.data.join('\n') };
    }
    size += line.length;
    const colon = line.indexOf(':');
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') event = value;
    else if (field === 'data') data.push(value);
    else if (field === 'id' && !value.includes('\0')) id = value;
    else if (field === 'retry' && /^\d+$/.test(value)) retryMs = Number(value);
    return undefined;
  };

  return {
    push(text) {
      rest += text;
      // A CR at the very end may be the first half of CR LF: it waits for what follows.
      const lines = rest.split(/\r\n|\n|\r(?!$)/);
      rest = lines.pop() ?? '';
      const events = lines.map(takeLine).filter((found) => found !== undefined);
      if (size + rest.length > EVENT_CHARACTERS_MAX) {
        throw new Error(`an event is longer than ${EVENT_CHARACTERS_MAX} characters`);
      }
      return events;
    },
    get retryMs() {
      return retryMs;
    },
  };
}
