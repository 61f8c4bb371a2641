// The runner of a simulation: it keeps to the protocol as the real one does, and can be stopped
// between any two of its steps. What it has on its disk outlives it.
import { randomUUID } from 'node:crypto';
import { isRivetError, type Random } from '@rivet/base';
import type { ConnectResponse, JobOutcome, LogLine, ReportRequest } from '@rivet/protocol';
import type { ClaimedRow } from '@rivet/store';
import type { Mutation } from './mutations.ts';
import { LEASE_SECONDS, type SimulatedServer } from './server.ts';

const CAPACITY = 2;
/** Without an answer it asks again. */
const PATIENCE_MS = 4000;

/** An attempt on the disk of the runner. */
export interface Work {
  readonly jobId: string;
  readonly attempt: number;
  /** The last one is in use. */
  leases: string[];
  /** The texts of all lines it has printed. */
  readonly printed: string[];
  /** Lines that the server has said that it has. */
  storedLines: number;
  seq: number;
  /** Lines that it will print in all. */
  readonly linesMax: number;
  outcome: JobOutcome | undefined;
  /** Whether the server took the outcome. */
  accepted: boolean;
  /** When the request was sent that renewed the lease last, by the clock of the history. */
  renewedAtMs: number;
  cancel: boolean;
}

/** What the server says to a request. One that crossed a restart of its sender reaches nobody. */
export interface Answer {
  readonly what: string;
  /** It arrives. */
  readonly take: () => void;
  /** What the server does when it notices that it did not. */
  readonly lost: () => Promise<void>;
}

/** A request on its way. */
export interface Message {
  /** For whoever reads the history of a failure. */
  readonly what: string;
  readonly deliver: () => Promise<Answer>;
}

export interface RunnerWorld {
  readonly server: SimulatedServer;
  readonly random: Random;
  now(): number;
  send(message: Message): void;
  /** Something that must never happen. */
  fault(text: string): void;
}

export class SimulatedRunner {
  readonly name: string;
  readonly #id: string;
  readonly #world: RunnerWorld;
  readonly #mutation: Mutation;
  /** Everything it ever worked on, for the comparison with what the server has. */
  readonly all: Work[] = [];
  #works: Work[] = [];
  /** Raised by each start: answers to an earlier one reach nobody. */
  #life = 0;
  #up = true;
  #connected = false;
  /** On its disk. */
  #connects = 0;
  #connectingSinceMs = Number.NEGATIVE_INFINITY;
  /** Sent, and not answered yet. */
  #claim: { readonly id: string; readonly sinceMs: number } | undefined;
  readonly #reports = new Map<Work, { sinceMs: number; report: ReportRequest }>();

  constructor(name: string, id: string, world: RunnerWorld, mutation: Mutation) {
    this.name = name;
    this.#id = id;
    this.#world = world;
    this.#mutation = mutation;
  }

  get up(): boolean {
    return this.#up;
  }

  /** Whether it runs the job, and believes that it may: an attempt that has its end is only told. */
  holds(jobId: string): boolean {
    return this.#works.some(
      (work) => work.jobId === jobId && work.outcome === undefined && this.#isHeld(work),
    );
  }

  /** Whether it works on it, and believes that its lease is valid. */
  works(work: Work): boolean {
    return this.#works.includes(work) && this.#isHeld(work);
  }

  crash(): void {
    this.#up = false;
    this.#connected = false;
    this.#life += 1;
    this.#claim = undefined;
    this.#reports.clear();
    this.#connectingSinceMs = Number.NEGATIVE_INFINITY;
  }

  start(): void {
    this.#up = true;
  }

  /** Does what there is to do now, with what has come meanwhile. */
  step(): void {
    if (!this.#up) return;
    const { random } = this.#world;
    if (this.#mutation.ignoresLease !== true) {
      for (const work of this.#works) if (!this.#isHeld(work)) this.#drop(work);
    }
    if (!this.#connected) {
      this.#connect();
      return;
    }
    const late = this.#isLate(this.#claim?.sinceMs);
    if (this.#works.length < CAPACITY && (this.#claim === undefined || late)) this.#ask();
    for (const work of this.#works) {
      if (work.outcome === undefined) this.#work(work, random.pick([0, 0, 1, 3]));
      this.#report(work);
    }
  }

  #isHeld(work: Work): boolean {
    return this.#world.now() - work.renewedAtMs < LEASE_SECONDS * 1000;
  }

  #isLate(sinceMs: number | undefined): boolean {
    return sinceMs !== undefined && this.#world.now() - sinceMs >= PATIENCE_MS;
  }

  #drop(work: Work): void {
    this.#works = this.#works.filter((one) => one !== work);
    this.#reports.delete(work);
  }

  #connect(): void {
    if (this.#world.now() - this.#connectingSinceMs < PATIENCE_MS) return;
    this.#connectingSinceMs = this.#world.now();
    // On the disk before it is asked.
    for (const work of this.#works) {
      if (this.#mutation.keepsLease !== true) work.leases.push(randomUUID());
    }
    const works = [...this.#works];
    const held = works.map(({ jobId, attempt, leases }) => ({
      job_id: jobId,
      attempt,
      lease_ids: [...leases],
    }));
    this.#connects += 1;
    const tried = this.#connects;
    const number = this.#mutation.countsNoConnects === true ? undefined : tried;
    this.#send(
      `connects with ${held.map((one) => `${one.job_id}.${one.attempt}`).join(', ') || 'nothing'}`,
      (server) =>
        server.connect(this.#id, {
          ...{ tags: [], capacity: CAPACITY, version: 'simulated', held },
          ...(number !== undefined && { number }),
        }),
      (answer, sentAtMs) => {
        // It has given up all tries but the last.
        if (this.#connected || this.#connects !== tried) return;
        this.#connected = true;
        this.#goOn(works, answer, sentAtMs);
      },
      () => undefined,
    );
  }

  #goOn(works: readonly Work[], answer: ConnectResponse, sentAtMs: number): void {
    const kept = new Map((answer.held ?? []).map((one) => [one.job.id, one]));
    for (const work of works) {
      const one = kept.get(work.jobId);
      if (one === undefined || one.job.attempt !== work.attempt) {
        this.#drop(work);
        continue;
      }
      work.renewedAtMs = sentAtMs;
      work.seq = one.last_seq;
      work.storedLines = this.#mutation.startsLogOver === true ? 0 : one.log_lines;
    }
  }

  #ask(): void {
    const repeat = this.#claim !== undefined;
    const { id } = this.#claim ?? { id: randomUUID() };
    this.#claim = { id, sinceMs: this.#world.now() };
    const capacity = CAPACITY - this.#works.length;
    this.#send(
      repeat ? 'claims again' : 'claims',
      (server) => server.claim(this.#id, { id, repeat, capacity }),
      (rows, sentAtMs) => {
        if (this.#claim?.id !== id) return;
        this.#claim = undefined;
        for (const row of rows) this.#take(row, sentAtMs);
      },
      () => undefined,
      (rows) => this.#world.server.undo(rows),
    );
  }

  #take(row: ClaimedRow, sentAtMs: number): void {
    const { random } = this.#world;
    const known = this.all.find((w) => w.jobId === row.job_id && w.attempt === row.attempt);
    if (known !== undefined) {
      this.#world.fault(`${this.name} got attempt ${row.attempt} of ${row.job_id} twice`);
      return;
    }
    const work: Work = {
      jobId: row.job_id,
      attempt: row.attempt,
      leases: [row.lease_id],
      printed: [],
      storedLines: 0,
      seq: 0,
      linesMax: random.pick([0, 3, 12]),
      outcome: undefined,
      accepted: false,
      renewedAtMs: sentAtMs,
      cancel: false,
    };
    this.all.push(work);
    this.#works.push(work);
  }

  #work(work: Work, count: number): void {
    if (!this.#isHeld(work)) this.#world.fault(`${this.name} works without a lease`);
    for (let n = 0; n < count && work.printed.length < work.linesMax; n += 1) {
      work.printed.push(`${this.name} ${work.attempt}: ${work.printed.length + 1}`);
    }
    if (work.cancel) work.outcome = { state: 'canceled' };
    else if (work.printed.length === work.linesMax && this.#world.random.once(6)) {
      const reason = this.#world.random.pick(['none', 'none', 'stage_failed', 'infrastructure']);
      work.outcome =
        reason === 'none'
          ? { state: 'succeeded' }
          : { state: 'failed', reason: reason as 'stage_failed' };
    }
  }

  #report(work: Work): void {
    const waiting = this.#reports.get(work);
    const again = waiting !== undefined && this.#isLate(waiting.sinceMs);
    const impatient = this.#mutation.doesNotWait === true;
    if (waiting !== undefined && !again && !impatient) return;
    if (again && this.#mutation.numbersAgain === true) work.seq += 1;
    const report =
      again && !impatient && this.#mutation.numbersAgain !== true
        ? waiting.report
        : this.#nextReport(work);
    const { storedLines } = work;
    this.#reports.set(work, { sinceMs: this.#world.now(), report });
    if (this.#mutation.forgetsUnacknowledged === true || impatient) {
      work.storedLines += report.logs.length;
      if (impatient) work.seq += 1;
    }
    this.#send(
      `reports ${report.seq} of ${work.jobId}.${work.attempt}: ${report.outcome?.state ?? 'goes on'}`,
      (server) => server.report(this.#id, work.jobId, report),
      ({ cancel }, sentAtMs) => {
        if (this.#reports.get(work)?.report !== report && !impatient) return;
        this.#reports.delete(work);
        work.renewedAtMs = Math.max(work.renewedAtMs, sentAtMs);
        work.cancel ||= cancel;
        if (!impatient) {
          work.seq = report.seq;
          work.storedLines = storedLines + report.logs.length;
        }
        if (report.outcome === undefined) return;
        work.accepted = true;
        this.#drop(work);
      },
      (error) => this.#refused(work, error),
    );
  }

  #nextReport(work: Work): ReportRequest {
    const lines = work.printed.slice(work.storedLines).map(
      (text, index): LogLine => ({
        n: work.storedLines + index + 1,
        t: '2026-01-01T00:00:00.000Z',
        stage: '',
        level: 'info',
        stream: 'log',
        text,
      }),
    );
    return {
      attempt: work.attempt,
      lease_id: work.leases.at(-1) ?? '',
      seq: work.seq + 1,
      logs: lines,
      stages: [],
      outputs: {},
      ...(work.outcome !== undefined && { outcome: work.outcome }),
    };
  }

  #refused(work: Work, error: unknown): void {
    const code = isRivetError(error) ? error.code : String(error);
    if (code === 'RIVET_DATABASE_UNREACHABLE') return;
    if (code !== 'RIVET_LEASE_LOST' && code !== 'RIVET_JOB_NOT_FOUND') {
      this.#world.fault(`${this.name} was told ${String(error)} about ${work.jobId}`);
    }
    if (this.works(work)) {
      this.#world.fault(`${this.name} was told ${String(error)} while its lease is valid`);
    }
    this.#drop(work);
  }

  /** Sends a request; its answer, or its refusal, only reaches the life that sent it. */
  #send<T>(
    what: string,
    ask: (server: SimulatedServer) => Promise<T>,
    take: (answer: T, sentAtMs: number) => void,
    refuse: (error: unknown) => void,
    lost?: (answer: T) => Promise<void>,
  ): void {
    const life = this.#life;
    const sentAtMs = this.#world.now();
    const alive = (): boolean => this.#up && this.#life === life;
    const full = `${this.name} ${what}`;
    const deliver = async (): Promise<Answer> => {
      try {
        const answer = await ask(this.#world.server);
        return {
          what: full,
          take: () => {
            if (alive()) take(answer, sentAtMs);
          },
          lost: async () => lost?.(answer),
        };
      } catch (error) {
        if (!isRivetError(error)) this.#world.fault(`the server broke: ${String(error)}`);
        return {
          what: full,
          take: () => {
            if (alive()) refuse(error);
          },
          lost: async () => undefined,
        };
      }
    };
    this.#world.send({ what: full, deliver });
  }
}
