// The states of one job as they change: read once, sent to everybody who follows its events.
import { readJob } from '@rivet/store';
import { type EventStream, eventFrame, eventText } from '../http/event-stream.ts';
import { presentJob } from '../present.ts';
import { type JobDetailServices, readJobDetail } from './job-detail.ts';
import type { JobWatch, JobWatcher } from './job-watcher.ts';
import { hasEnded } from './transitions.ts';

/** So many are sent a state in one turn: others must get theirs. */
const SENT_AT_ONCE = 500;

export interface JobFollowers {
  /** Sends each state of a job from now on, until it has ended. */
  follow(stream: EventStream, jobId: string): Promise<void>;
}

export function createJobFollowers(services: JobDetailServices, watcher: JobWatcher): JobFollowers {
  const feeds = new Map<string, JobFeed>();
  const feedOf = (jobId: string): JobFeed => {
    const known = feeds.get(jobId);
    if (known !== undefined) return known;
    const feed: JobFeed = new JobFeed(services, jobId, watcher.watch(jobId), () => {
      if (feeds.get(jobId) === feed) feeds.delete(jobId);
    });
    feeds.set(jobId, feed);
    return feed;
  };
  return { follow: (stream, jobId) => feedOf(jobId).join(stream) };
}

/** A follower, and the state that it was sent last. */
interface Follower {
  readonly stream: EventStream;
  sent: Buffer | undefined;
  readonly parting: PromiseWithResolvers<void>;
}

/** Reads for as long as somebody follows. */
class JobFeed {
  readonly #services: JobDetailServices;
  readonly #jobId: string;
  readonly #watch: JobWatch;
  readonly #onIdle: () => void;
  readonly #followers = new Set<Follower>();
  readonly #left = new AbortController();
  /** The state that was read last, and what ends the stream. */
  #state: Buffer | undefined;
  #end: Buffer | undefined;
  #running = false;

  constructor(services: JobDetailServices, jobId: string, watch: JobWatch, onIdle: () => void) {
    this.#services = services;
    this.#jobId = jobId;
    this.#watch = watch;
    this.#onIdle = onIdle;
  }

  async join(stream: EventStream): Promise<void> {
    const follower: Follower = {
      stream,
      sent: undefined,
      parting: Promise.withResolvers<void>(),
    };
    this.#followers.add(follower);
    // One that could not take a state takes the newest when it can.
    const listen = (): void => {
      if (stream.closed) follower.parting.resolve();
      else {
        stream.listen(listen);
        this.#tell(follower);
      }
    };
    listen();
    if (!this.#running) {
      this.#running = true;
      this.#run().catch((error: unknown) => this.#partAll(error));
    }
    try {
      await follower.parting.promise;
    } finally {
      stream.listen(undefined);
      this.#followers.delete(follower);
      if (this.#followers.size === 0) this.#close();
    }
  }

  async #run(): Promise<void> {
    let last = '';
    while (!this.#left.signal.aborted) {
      const job = await readJob(this.#services.database, this.#jobId);
      if (job === undefined) {
        this.#partAll();
        return;
      }
      const text = eventText('job', await readJobDetail(this.#services, job));
      // A report may have changed nothing that is shown here.
      if (text !== last) this.#state = Buffer.from(text);
      last = text;
      const ended = hasEnded(job);
      if (ended) this.#end = eventFrame('end', presentJob(job));
      await this.#tellAll();
      // Those that are full are told, and leave, when they have read.
      if (ended) return;
      await this.#watch.changed(this.#left.signal);
    }
  }

  async #tellAll(): Promise<void> {
    let told = 0;
    for (const follower of this.#followers) {
      this.#tell(follower);
      told += 1;
      if (told % SENT_AT_ONCE === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  #tell(follower: Follower): void {
    const { stream } = follower;
    if (stream.full || stream.closed) return;
    if (this.#state !== undefined && follower.sent !== this.#state) stream.write(this.#state);
    follower.sent = this.#state;
    if (this.#end === undefined) return;
    stream.write(this.#end);
    follower.parting.resolve();
  }

  /** Ends all: without an error as when the job is gone. */
  #partAll(error?: unknown): void {
    this.#close();
    for (const { parting } of this.#followers) {
      if (error === undefined) parting.resolve();
      else parting.reject(error);
    }
  }

  #close(): void {
    if (this.#left.signal.aborted) return;
    this.#left.abort();
    this.#watch.close();
    this.#onIdle();
  }
}
