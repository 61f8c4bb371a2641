// What the jobs of a history do, and what they really did: who runs which attempt, what it has
// printed, and what its runner was told about it.
import { type Random, sleep } from '@rivet/base';
import type { JobHost } from '@rivet/engine';
import type { ClaimedJob, JobOutcome, LogLine, ReportRequest } from '@rivet/protocol';
import type { SimulatedJobRun } from '@rivet/runner/simulation';
import { never, SimulatedProcess } from './simulated-process.ts';
import type { SimulatedTime } from './simulated-time.ts';

/** An attempt as it went. */
export interface Work {
  readonly jobId: string;
  readonly attempt: number;
  /** Lines that it will print in all. */
  readonly linesMax: number;
  readonly paceMs: number;
  readonly outcome: JobOutcome;
  printed: number;
  /** Lines that its runner has written down: those must not be missing in the end. */
  told: number;
  /** Its outputs that its runner has written down. */
  readonly outputs: Set<string>;
  /** Lines that its runner was told to be stored. */
  acknowledged: number;
  /** The outcome that its runner was told to be stored. */
  accepted: JobOutcome | undefined;
  /** Runs it at this moment. */
  runner: SimulatedProcess | undefined;
}

/** Milliseconds from line to line when nothing breaks any more: what is left only has to end. */
const CALM_PACE_MS = 2;
/** Lines from one output to the next, where jobs have any. */
const OUTPUT_EVERY = 3;

/** Codes with which a report may be refused: all others mean that somebody made a mistake. */
const LEGAL = new Set([
  'RIVET_LEASE_LOST',
  'RIVET_JOB_NOT_FOUND',
  'RIVET_DATABASE_UNREACHABLE',
  'RIVET_SERVER_UNREACHABLE',
]);

export interface JobRecordOptions {
  /** Whether jobs have outputs. */
  readonly withOutputs: boolean;
  readonly time: SimulatedTime;
  /** The choices of the history. */
  readonly random: Random;
  readonly note: (tell: () => string) => void;
  /** Something that must never happen. */
  readonly fault: (text: string) => void;
}

export class JobRecord {
  readonly #options: JobRecordOptions;
  readonly #works = new Map<string, Work>();
  /** Who was given an attempt last, and how long its lease lasts at least. */
  readonly #given = new Map<string, { runner: SimulatedProcess; untilMs: number }>();
  #isCalm = false;

  constructor(options: JobRecordOptions) {
    this.#options = options;
  }

  /** Whether jobs have outputs. */
  get withOutputs(): boolean {
    return this.#options.withOutputs;
  }

  /** Nothing breaks any more: jobs hurry. */
  calmDown(): void {
    this.#isCalm = true;
  }

  find(jobId: string, attempt: number): Work | undefined {
    return this.#works.get(`${jobId}.${attempt}`);
  }

  textOf({ jobId, attempt }: Work, n: number): string {
    return `${jobId}.${attempt} line ${n}`;
  }

  /** Attempts that are running at this moment. */
  running(): Work[] {
    return [...this.#works.values()].filter(({ runner }) => runner?.isAlive === true);
  }

  /** What a runner does as its job. */
  readonly runJob: SimulatedJobRun = async (spec, host, signal) => {
    const process = SimulatedProcess.current;
    if (process === undefined) throw new Error('no simulated process runs this job');
    await host.confirmed;
    if (!process.isAlive) return never();
    const work = this.#begin(spec.id, spec.attempt, process);
    try {
      let n = host.resume?.lastLine ?? 0;
      // A job that goes on tells everything again, in the same order.
      for (let line = 1; line <= n; line += 1) await this.#setOutput(work, line, host);
      while (n < work.linesMax && !signal.aborted) {
        await sleep(this.#paceOf(work), signal);
        if (signal.aborted) break;
        n += 1;
        this.#print(work, n);
        const line = lineOf(n, this.textOf(work, n));
        const told = host.observer.line(line, { origin: 'job', end: n });
        work.told = Math.max(work.told, n);
        await told;
        await this.#setOutput(work, n, host);
      }
      if (!signal.aborted) await sleep(this.#paceOf(work), signal);
      return signal.aborted ? { state: 'canceled' } : work.outcome;
    } finally {
      if (work.runner === process) work.runner = undefined;
    }
  };

  /** A runner has heard that it has an attempt, from a server that said so first at `servedMs`. */
  given(job: ClaimedJob, runner: SimulatedProcess, servedMs: number): void {
    const untilMs = servedMs + job.lease_seconds * 1000;
    this.#given.set(`${job.id}.${job.attempt}`, { runner, untilMs });
  }

  /** A runner has heard that a report was stored. */
  acknowledged(jobId: string, report: ReportRequest): void {
    const work = this.find(jobId, report.attempt);
    if (work === undefined) return;
    for (const { first_line: first, line_count: count } of report.log_blocks ?? []) {
      work.acknowledged = Math.max(work.acknowledged, first + count - 1);
    }
    work.accepted ??= report.outcome;
  }

  /** A runner has heard that a report was refused. */
  refused(jobId: string, report: ReportRequest, code: string): void {
    const { note, fault } = this.#options;
    note(() => `report ${report.seq} of ${jobId}.${report.attempt} was refused: ${code}`);
    if (!LEGAL.has(code)) fault(`a report of ${jobId}.${report.attempt} was refused: ${code}`);
    const runs = this.find(jobId, report.attempt)?.runner?.isAlive === true;
    if (code === 'RIVET_LEASE_LOST' && (runs || this.#isHeld(jobId, report))) {
      fault(`${jobId}.${report.attempt} was taken from a runner whose lease is valid`);
    }
  }

  /** Its runner was given it, and cannot have lost it yet. */
  #isHeld(jobId: string, { attempt }: ReportRequest): boolean {
    const given = this.#given.get(`${jobId}.${attempt}`);
    const isTold = this.find(jobId, attempt)?.accepted !== undefined;
    return given?.runner.isAlive === true && this.#options.time.nowMs < given.untilMs && !isTold;
  }

  #begin(jobId: string, attempt: number, process: SimulatedProcess): Work {
    const { random, note, fault } = this.#options;
    for (const other of this.running()) {
      if (other.jobId !== jobId) continue;
      fault(`${process.name} runs ${jobId}.${attempt}, which ${other.runner?.name} runs`);
    }
    const known = this.find(jobId, attempt);
    const begins = known === undefined ? 'begins' : 'goes on with';
    note(() => `${process.name} ${begins} ${jobId}.${attempt}`);
    const work = known ?? {
      ...{
        jobId,
        attempt,
        printed: 0,
        told: 0,
        outputs: new Set(),
        acknowledged: 0,
        accepted: undefined,
        runner: undefined,
      },
      linesMax: random.pick([0, 3, 12]),
      paceMs: random.pick([20, 200, 900, 4000]),
      outcome: random.pick<JobOutcome>([
        { state: 'succeeded' },
        { state: 'succeeded' },
        { state: 'failed', reason: 'stage_failed' },
        { state: 'failed', reason: 'infrastructure' },
      ]),
    };
    this.#works.set(`${jobId}.${attempt}`, work);
    work.runner = process;
    return work;
  }

  #paceOf({ paceMs }: Work): number {
    return this.#isCalm ? Math.min(paceMs, CALM_PACE_MS) : paceMs;
  }

  async #setOutput(work: Work, line: number, { observer }: JobHost): Promise<void> {
    if (!this.#options.withOutputs || line % OUTPUT_EVERY !== 0) return;
    const name = `line${line}`;
    const told = observer.output(name, line);
    work.outputs.add(name);
    await told;
  }

  #print(work: Work, n: number): void {
    const { fault } = this.#options;
    const name = `${work.jobId}.${work.attempt}`;
    // The last line may come again: its runner died before it was written down.
    if (n < work.printed) fault(`${name} tells line ${n} again after line ${work.printed}`);
    if (n > work.printed + 1) fault(`${name} tells line ${n} after line ${work.printed}`);
    for (const other of this.running()) {
      if (other.jobId === work.jobId && other !== work) {
        fault(`${name} works while ${other.jobId}.${other.attempt} does`);
      }
    }
    work.printed = Math.max(work.printed, n);
  }
}

function lineOf(n: number, text: string): LogLine {
  return { n, t: '2026-01-01T00:00:00.000Z', stage: '', level: 'info', stream: 'log', text };
}
