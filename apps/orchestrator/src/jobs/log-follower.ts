// Follows logs for streams: what is stored is read for each by itself, what comes is read once for
// all.
import { decodeLogBlock, isFinalJobState } from '@rivet/protocol';
import { type Database, type LogChunk, readJob } from '@rivet/store';
import { type EventStream, eventFrame } from '../http/event-stream.ts';
import { presentJob } from '../present.ts';
import type { JobWatcher } from './job-watcher.ts';
import { LogFeed } from './log-feed.ts';
import { type LogPosition, piecesOf } from './log-frames.ts';
import { createLogTailer } from './log-tailer.ts';

export interface LogFollowers {
  /** Sends lines from `from` on as they come, through later attempts too, until the job has ended. */
  follow(stream: EventStream, jobId: string, from: LogPosition): Promise<void>;
  /**
   * Sends the lines of a report that was stored just now, without asking the database for them.
   * False when nobody follows that log here, or whoever does must read them.
   */
  stored(jobId: string, attempt: number, blocks: readonly LogChunk[]): boolean;
}

/** More lines are read by those who follow them, a part at a time. */
const FED_LINES_MAX = 2000;

export function createLogFollowers(database: Database, watcher: JobWatcher): LogFollowers {
  const tailer = createLogTailer(database);
  const feeds = new Map<string, LogFeed>();

  const feedOf = (jobId: string, from: LogPosition): LogFeed => {
    const known = feeds.get(jobId);
    if (known !== undefined) return known;
    const feed: LogFeed = new LogFeed({
      from,
      watch: watcher.watch(jobId, 'log'),
      read: ({ attempt, after }) => tailer.read({ jobId, attempt, after }),
      onIdle: () => {
        if (feeds.get(jobId) === feed) feeds.delete(jobId);
      },
    });
    feeds.set(jobId, feed);
    return feed;
  };

  /** Sends what is stored. Where the client then is; undefined at the end of it all. */
  const catchUp = async (
    stream: EventStream,
    jobId: string,
    from: LogPosition,
  ): Promise<LogPosition | undefined> => {
    let { attempt, after } = from;
    while (!stream.closed) {
      await stream.drained();
      const tail = await tailer.read({ jobId, attempt, after });
      if (tail === undefined) return undefined;
      for (const piece of piecesOf({ attempt, after }, tail.lines)) {
        await stream.drained();
        stream.write(piece.frames);
        after = piece.last;
      }
      if (tail.lines.length > 0) continue;
      // The job was looked at together with the lines: there are no more of this attempt.
      // A job that has not begun has no attempt yet, and whoever follows it waits for the first.
      if (attempt >= tail.attempt)
        return isFinalJobState(tail.state) ? undefined : { attempt, after };
      attempt += 1;
      after = 0;
    }
    return undefined;
  };
  return {
    stored(jobId, attempt, blocks) {
      const [block, ...others] = blocks;
      const feed = feeds.get(jobId);
      // A job that talks now and then, or many together: large output comes in several blocks.
      if (feed === undefined || block === undefined || others.length > 0) return false;
      const { firstLine: first, lineCount, bytes } = block;
      if (lineCount > FED_LINES_MAX) return false;
      return feed.offer({ attempt, first, read: () => decodeLogBlock(first, bytes) });
    },
    async follow(stream, jobId, from) {
      let position: LogPosition | undefined = from;
      while (!stream.closed) {
        position = await catchUp(stream, jobId, position);
        if (position === undefined) break;
        const parted = await feedOf(jobId, position).join(stream, position);
        if (parted.why !== 'behind') break;
        position = parted.position;
      }
      const job = stream.closed ? undefined : await readJob(database, jobId);
      if (job === undefined) return;
      await stream.drained();
      stream.write(eventFrame('end', presentJob(job)));
    },
  };
}
