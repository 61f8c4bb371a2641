// The live end of the log of one job: read once, sent to everybody who has all lines before it.
import { isFinalJobState, type LogLine } from '@rivet/protocol';
import type { LogTail } from '@rivet/store';
import type { EventStream } from '../http/event-stream.ts';
import type { JobWatch } from './job-watcher.ts';
import { framesBehind, type LogPiece, type LogPosition, piecesOf } from './log-frames.ts';

/** Why somebody follows it no longer: the job has ended, or it must read by itself. */
export type Parting = 'ended' | 'behind' | 'gone';

/** That somebody follows it no longer, and the last line that it was sent. */
export interface Parted {
  readonly why: Parting;
  readonly position: LogPosition;
}

/** So many are sent a piece in one turn: others must get theirs. */
const SENT_AT_ONCE = 500;

/** Somebody who follows it. */
class Follower {
  readonly stream: EventStream;
  attempt: number;
  after: number;
  readonly parted: Promise<Parted>;
  readonly #resolve: (parted: Parted) => void;

  constructor(stream: EventStream, { attempt, after }: LogPosition) {
    this.stream = stream;
    this.attempt = attempt;
    this.after = after;
    const { promise, resolve } = Promise.withResolvers<Parted>();
    this.parted = promise;
    this.#resolve = resolve;
  }

  /** Follows no longer, and says why. */
  part(why: Parting): void {
    this.stream.listen(undefined);
    this.#resolve({ why, position: { attempt: this.attempt, after: this.after } });
  }

  /** Sends what it does not have yet. False when it lacks something before, or does not read. */
  take(piece: LogPiece): boolean {
    if (this.attempt > piece.attempt) return true;
    if (this.attempt < piece.attempt || this.after < piece.after || this.stream.full) return false;
    if (this.after >= piece.last) return true;
    this.stream.write(this.after === piece.after ? piece.frames : framesBehind(piece, this.after));
    this.after = piece.last;
    return true;
  }
}

export interface LogFeedOptions {
  readonly from: LogPosition;
  readonly watch: JobWatch;
  /** What lies behind a position; undefined when the job is gone. */
  readonly read: (position: LogPosition) => Promise<LogTail | undefined>;
  /** Told when the last follower has left: it reads nothing any more. */
  readonly onIdle: () => void;
}

/** Lines that were stored just now. */
export interface StoredLines {
  readonly attempt: number;
  readonly first: number;
  /** Makes them, when they are wanted. */
  read(): readonly LogLine[];
}

/** Reads for as long as somebody follows. */
export class LogFeed {
  readonly #options: LogFeedOptions;
  readonly #followers = new Set<Follower>();
  readonly #left = new AbortController();
  #position: LogPosition;
  #running = false;
  /** Nothing is read or sent just now: its followers have all up to its position, or will part. */
  #waiting = false;

  constructor(options: LogFeedOptions) {
    this.#options = options;
    this.#position = options.from;
  }

  /** Sends a stream all lines behind `position`, until the promise says why no longer. */
  join(stream: EventStream, position: LogPosition): Promise<Parted> {
    if (isBehind(position, this.#position)) return Promise.resolve({ why: 'behind', position });
    const follower = new Follower(stream, position);
    this.#followers.add(follower);
    const listen = (): void => {
      if (stream.closed) this.#part(follower, 'gone');
      else stream.listen(listen);
    };
    listen();
    if (!this.#running) {
      this.#running = true;
      // Its followers read by themselves then, and are told there what is wrong.
      this.#run().catch(() => this.#partAll('behind'));
    }
    return follower.parted;
  }

  /**
   * Sends lines without reading them again. False when it has to read: there are others before
   * them, or it is reading.
   */
  offer({ attempt, first, read }: StoredLines): boolean {
    const { attempt: own, after } = this.#position;
    if (!this.#waiting || attempt !== own || first !== after + 1) return false;
    if (this.#followers.size > SENT_AT_ONCE) return false;
    const lines = read();
    for (const piece of piecesOf(this.#position, lines)) this.#sendNow(piece);
    this.#position = { attempt, after: lines.at(-1)?.n ?? after };
    return true;
  }

  async #run(): Promise<void> {
    const { read, watch } = this.#options;
    while (!this.#left.signal.aborted) {
      const { attempt } = this.#position;
      const tail = await read(this.#position);
      if (tail === undefined) {
        this.#partAll('gone');
        return;
      }
      const last = tail.lines.at(-1);
      if (last !== undefined) {
        for (const piece of piecesOf(this.#position, tail.lines)) await this.#send(piece);
        this.#position = { attempt, after: last.n };
      } else if (attempt < tail.attempt) {
        this.#moveOn();
      } else if (isFinalJobState(tail.state)) {
        this.#partAll('ended');
        return;
      } else {
        this.#waiting = true;
        await watch.changed(this.#left.signal);
        this.#waiting = false;
      }
    }
  }

  async #send(piece: LogPiece): Promise<void> {
    let sent = 0;
    for (const follower of this.#followers) {
      if (!follower.take(piece)) this.#part(follower, 'behind');
      sent += 1;
      if (sent % SENT_AT_ONCE === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  #sendNow(piece: LogPiece): void {
    for (const follower of this.#followers) {
      if (!follower.take(piece)) this.#part(follower, 'behind');
    }
  }

  /** To the next attempt; this one has no more lines. */
  #moveOn(): void {
    const { attempt, after } = this.#position;
    this.#position = { attempt: attempt + 1, after: 0 };
    for (const follower of this.#followers) {
      if (follower.attempt !== attempt || follower.after !== after) continue;
      follower.attempt += 1;
      follower.after = 0;
    }
  }

  #part(follower: Follower, why: Parting): void {
    this.#followers.delete(follower);
    follower.part(why);
    if (this.#followers.size === 0) this.#close();
  }

  #partAll(why: Parting): void {
    this.#close();
    for (const follower of this.#followers) this.#part(follower, why);
  }

  #close(): void {
    if (this.#left.signal.aborted) return;
    this.#left.abort();
    this.#options.watch.close();
    this.#options.onIdle();
  }
}

/** Whether `one` lacks something that `other` has. */
function isBehind(one: LogPosition, other: LogPosition): boolean {
  if (one.attempt !== other.attempt) return one.attempt < other.attempt;
  return one.after < other.after;
}
