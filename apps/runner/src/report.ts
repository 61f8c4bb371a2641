// Ships what a job told to the server: numbered reports, one at a time, each repeated until it is
// answered.
import { type Logger, RivetError, retryPauseMs, sleep, toRivetError, Wakeup } from '@rivet/base';
import type {
  JobOutcome,
  LogBlock,
  LogLines,
  ReportRequest,
  ReportResponse,
} from '@rivet/protocol';
import type { Clock } from './clock.ts';
import type { Lease } from './lease.ts';
import type { Ledger } from './ledger.ts';
import { type ReportBatch, ReportQueue } from './report-queue.ts';
import { isTooLarge, isUndecided, refusalOf, retryAfterMs } from './server-answer.ts';
import type { Spool, SpoolEntry } from './spool.ts';

const HEARTBEAT_MS_MAX = 3000;
/** Heartbeats of all jobs fall on the same times, so that one request brings them. */
const HEARTBEAT_GRID_MS = 500;
const BATCH_WEIGHT_MIN = 8 * 1024;
const BATCH_WEIGHT_FIRST = 256 * 1024;
const BATCH_WEIGHT_MAX = 1024 ** 2;
const BATCH_ENTRIES_MAX = 1000;
/** What a report may take at first until it is answered: a third of the lease, within bounds. */
const FIRST_ANSWER_MS_MIN = 2000;
const FIRST_ANSWER_MS_MAX = 20_000;
/** Servers read no longer. */
const ANSWER_MS_MAX = 60_000;
const BACKOFF_BASE_MS = 200;
const BACKOFF_MS_MAX = 5000;
/** A report that took less may grow, one that took more must shrink, in milliseconds. */
const QUICK_MS = 500;
const SLOW_MS = 2000;

/**
 * How reporting ended: the outcome was stored, the attempt is no longer ours, or nobody took it.
 */
export type ReportEnd = 'delivered' | 'lost' | 'given-up';

export interface ReporterOptions {
  readonly attempt: number;
  readonly leaseId: string;
  readonly lease: Lease;
  readonly spool: Spool;
  /** Is told what is sent and what was stored. */
  readonly ledger: Pick<Ledger, 'sending' | 'stored'>;
  /** What the server has of the attempt when this begins: nothing, or what was sent before. */
  readonly stored: { readonly seq: number; readonly lines: number; readonly entries: number };
  readonly spoolBytesMax: number;
  /** How long the server may be silent before reporting is given up, in milliseconds. */
  readonly deliveryDeadlineMs: number;
  /** How long a server without its database keeps the lease, in milliseconds. */
  readonly outageMsMax: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Sends one report; rejects with a RivetError. */
  readonly send: (
    body: ReportRequest,
    options: { timeoutMs: number; signal: AbortSignal },
  ) => Promise<ReportResponse>;
  /** Gives up at once when it aborts. */
  readonly abandon: AbortSignal;
  /** Somebody asked to cancel the job. Called at most once. */
  readonly onCancel: () => void;
  /** The server says that the attempt is no longer ours. */
  readonly onLost: () => void;
  /** The job cannot be reported any more: it must end. Returns the outcome that it has then. */
  readonly onFailure: (what: ReportFailure, cause: unknown) => JobOutcome;
}

/** The disk does not take what the job tells, the server does not, or there is a defect. */
export type ReportFailure = 'spool' | 'refused' | 'defect';

/** An error: the server refused the report, and would again. */
type Delivery = 'accepted' | 'lost' | 'given-up' | RivetError;

/** Reports one attempt. `run` ends after `finish`, or when the attempt is lost. */
export class Reporter {
  readonly #options: ReporterOptions;
  readonly #queue: ReportQueue;
  readonly #wakeup = new Wakeup();
  #outcome: JobOutcome | undefined;
  #batchWeight = BATCH_WEIGHT_FIRST;
  /** Set when the server refused what the job told: from then on only the outcome is reported. */
  #muted = false;
  #canceled = false;
  /** How long the next report may take until it is answered, in milliseconds. */
  #answerMs: number;
  #acceptedAt: number;
  /** The first heartbeat is due at once: it shows that the attempt is really ours. */
  #heartbeatAt: number;
  readonly #confirmed = Promise.withResolvers<boolean>();

  constructor(options: ReporterOptions) {
    this.#options = options;
    this.#answerMs = firstAnswerMs(options.lease);
    this.#acceptedAt = options.clock();
    this.#heartbeatAt = this.#acceptedAt;
    this.#queue = new ReportQueue({
      spool: options.spool,
      spoolBytesMax: options.spoolBytesMax,
      onEntry: (isSooner) => this.#noteEntry(isSooner),
      onFailure: (cause) => this.#fail('spool', cause),
    });
  }

  /** Whether the server accepted the first report; false when reporting ended without one. */
  get confirmed(): Promise<boolean> {
    return this.#confirmed.promise;
  }

  /** Takes what the job tells; the promise it may return is the back-pressure. */
  add(entry: SpoolEntry): Promise<void> | undefined {
    return this.#queue.add(entry);
  }

  /** The same for lines of its log, whose text is copied. */
  addLines(lines: LogLines): Promise<void> | undefined {
    return this.#queue.addLines(lines);
  }

  /** Reports at once: the answer may say something new. */
  ask(): void {
    this.#heartbeatAt = Math.min(this.#heartbeatAt, this.#options.clock());
    this.#wakeup.notify();
  }

  /** The attempt has ended: the last report carries `outcome`. */
  finish(outcome: JobOutcome): void {
    this.#outcome = outcome;
    this.#queue.close();
    this.#wakeup.notify();
  }

  /** Reports until the end. Never throws. */
  async run(): Promise<ReportEnd> {
    const { abandon } = this.#options;
    const wake = (): void => this.#wakeup.notify();
    abandon.addEventListener('abort', wake);
    try {
      return await this.#run();
    } catch (error) {
      this.#options.logger.error({ err: error }, 'reporting failed');
      this.#fail('defect', error);
      return 'given-up';
    } finally {
      abandon.removeEventListener('abort', wake);
      this.#queue.close();
      this.#confirmed.resolve(false);
    }
  }

  /** A job prints thousands of lines a second: whoever waits wakes up only where it is to send. */
  #noteEntry(isSooner: boolean): void {
    if (isSooner || this.#queue.pendingWeight >= this.#batchWeight) this.#wakeup.notify();
  }

  async #run(): Promise<ReportEnd> {
    const { ledger } = this.#options;
    let stored = this.#options.stored;
    for (;;) {
      await this.#waitUntilDue();
      const { body, batch } = await this.#nextReport(stored.seq + 1);
      const sent = { ...stored, seq: body.seq, ...reach(stored, batch.entries) };
      ledger.sending(sent);
      const delivery = await this.#deliver(body);
      if (delivery === 'lost' || delivery === 'given-up') return delivery;
      if (delivery instanceof RivetError) {
        if (isTooLarge(delivery) && batch.entries.length > 1) {
          this.#batchWeight = Math.max(1, Math.floor(batch.weight / 2));
          continue;
        }
        // Refused with nothing in it: there is no report that this server would take.
        if (this.#muted) return 'given-up';
        this.#mute(delivery);
        continue;
      }
      stored = sent;
      await this.#queue.drop(batch);
      ledger.stored(stored.lines, stored.entries);
      if (body.outcome !== undefined) return 'delivered';
    }
  }

  /** Waits for enough to send, for the time of a heartbeat, or for the end. */
  async #waitUntilDue(): Promise<void> {
    const { clock, abandon } = this.#options;
    for (;;) {
      if (this.#outcome !== undefined || abandon.aborted) return;
      const untilDue = this.#muted ? undefined : this.#queue.untilDueMs;
      if (untilDue !== undefined && this.#queue.pendingWeight >= this.#batchWeight) return;
      const untilHeartbeat = this.#heartbeatAt - clock();
      const waitMs = Math.min(untilDue ?? Number.POSITIVE_INFINITY, untilHeartbeat);
      if (waitMs <= 0) return;
      await this.#wakeup.wait(waitMs);
    }
  }

  async #nextReport(seq: number): Promise<{ body: ReportRequest; batch: ReportBatch }> {
    // Only at the end: a job that talks without a pause never lets the queue settle.
    if (this.#outcome !== undefined) await this.#queue.settled();
    // Read before the queue: an outcome that comes later stands behind what was told before it.
    const outcome = this.#outcome;
    const batch = this.#muted
      ? NOTHING
      : await this.#queue.peek(this.#batchWeight, BATCH_ENTRIES_MAX);
    const { attempt, leaseId } = this.#options;
    return {
      batch,
      body: {
        attempt,
        lease_id: leaseId,
        seq,
        ...contentOf(batch.entries),
        ...(outcome !== undefined && batch.isAll ? { outcome } : {}),
      },
    };
  }

  /** Sends the same report until the server has said something about it. */
  async #deliver(body: ReportRequest): Promise<Delivery> {
    const { clock, lease, logger, abandon } = this.#options;
    for (let tried = 1; ; tried += 1) {
      if (abandon.aborted) return 'given-up';
      const sentAt = clock();
      const timeoutMs = this.#answerMs;
      try {
        const answer = await this.#options.send(body, { timeoutMs, signal: abandon });
        this.#accepted(answer, sentAt);
        return 'accepted';
      } catch (thrown) {
        const error = toRivetError(thrown);
        // What is only slow must get through at last; the lease is renewed beside it.
        if (clock() - sentAt >= timeoutMs) this.#answerMs = Math.min(ANSWER_MS_MAX, 2 * timeoutMs);
        const refusal = refusalOf(error);
        if (refusal === 'lost') {
          logger.warn({ code: error.code }, error.message);
          this.#options.onLost();
          return 'lost';
        }
        if (refusal === 'refused') return error;
        if (isUndecided(error)) lease.keep(sentAt, this.#options.outageMsMax);
        if (clock() - this.#acceptedAt > this.#options.deliveryDeadlineMs) return 'given-up';
        if (tried === 1) logger.warn({ code: error.code }, `${error.message}; trying again`);
        await sleep(this.#pauseMs(tried, error), abandon);
      }
    }
  }

  #accepted(answer: ReportResponse, sentAt: number): void {
    const { lease, clock } = this.#options;
    this.#acceptedAt = clock();
    lease.renew(answer.lease_seconds, sentAt);
    // As the lease counts: where answers take seconds the next report is due at once.
    this.#heartbeatAt = onGrid(sentAt, Math.min(HEARTBEAT_MS_MAX, lease.lengthMs / 4));
    this.#confirmed.resolve(true);
    const tookMs = this.#acceptedAt - sentAt;
    this.#answerMs = Math.min(ANSWER_MS_MAX, Math.max(firstAnswerMs(lease), 2 * tookMs));
    if (tookMs < QUICK_MS) this.#batchWeight = Math.min(BATCH_WEIGHT_MAX, this.#batchWeight * 2);
    if (tookMs > SLOW_MS) this.#batchWeight = Math.max(BATCH_WEIGHT_MIN, this.#batchWeight / 2);
    if (answer.cancel && !this.#canceled) {
      this.#canceled = true;
      this.#options.onCancel();
    }
  }

  /** What the server asks for, but so that a lease that still lasts can be renewed in time. */
  #pauseMs(tried: number, error: RivetError): number {
    const backoff = { baseMs: BACKOFF_BASE_MS, maxMs: BACKOFF_MS_MAX };
    const pause = retryPauseMs(tried, retryAfterMs(error), backoff);
    const { remainingMs } = this.#options.lease;
    return remainingMs > 0 ? Math.min(pause, Math.max(BACKOFF_BASE_MS, remainingMs / 3)) : pause;
  }

  #mute(error: RivetError): void {
    this.#muted = true;
    this.#options.logger.error({ code: error.code }, `a report was refused: ${error.message}`);
    this.#fail('refused', error);
  }

  #fail(what: ReportFailure, cause: unknown): void {
    const outcome = this.#options.onFailure(what, cause);
    // A job has not succeeded when what it told is lost.
    if (this.#outcome?.state === 'succeeded') this.#outcome = outcome;
  }
}

const NOTHING: ReportBatch = { entries: [], weight: 0, isAll: true, place: { kind: 'memory' } };

function firstAnswerMs({ lengthMs }: Lease): number {
  return Math.min(FIRST_ANSWER_MS_MAX, Math.max(FIRST_ANSWER_MS_MIN, Math.round(lengthMs / 3)));
}

/** The last time of the grid that is not later than `afterMs` from now; that, when there is none. */
function onGrid(nowMs: number, afterMs: number): number {
  const at = Math.floor((nowMs + afterMs) / HEARTBEAT_GRID_MS) * HEARTBEAT_GRID_MS;
  return at > nowMs + afterMs / 2 ? at : nowMs + afterMs;
}

/** How far the attempt has come with these entries. */
function reach(
  stored: { readonly lines: number; readonly entries: number },
  entries: readonly SpoolEntry[],
): { readonly lines: number; readonly entries: number } {
  let { lines, entries: count } = stored;
  for (const entry of entries) {
    if (entry.kind === 'block') lines = entry.block.first_line + entry.block.line_count - 1;
    else count += 1;
  }
  return { lines, entries: count };
}

function contentOf(
  entries: readonly SpoolEntry[],
): Pick<ReportRequest, 'logs' | 'log_blocks' | 'stages' | 'outputs' | 'summary'> {
  const blocks: LogBlock[] = [];
  const stages: ReportRequest['stages'] = [];
  const outputs = new Map<string, unknown>();
  let summary: string | undefined;
  for (const entry of entries) {
    if (entry.kind === 'block') blocks.push(entry.block);
    else if (entry.kind === 'stage') stages.push(entry.change);
    else if (entry.kind === 'summary') summary = entry.markdown;
    else outputs.set(entry.name, entry.value);
  }
  return {
    logs: [],
    ...(blocks.length > 0 && { log_blocks: blocks }),
    stages,
    outputs: Object.fromEntries(outputs),
    ...(summary !== undefined && { summary }),
  };
}
