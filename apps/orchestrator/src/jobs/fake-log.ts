// A job with its log in memory, and a database that knows nothing else, for tests of its followers.
import type { JobState, LogLine } from '@rivet/protocol';
import { type Database, encodeLogChunk, type LogPlace, type LogTail } from '@rivet/store';

/** Lines of one read: fewer than there are, so that more reads are needed. */
const LINES_MAX = 3;

export class FakeLog {
  readonly jobId: string;
  state: JobState = 'running';
  attempt = 1;
  /** Thrown by all statements while it is set. */
  failure: Error | undefined;
  isGone = false;
  /** Places of each statement that read logs. */
  readonly reads: (readonly LogPlace[])[] = [];
  readonly #failures: Error[] = [];
  readonly #attempts = new Map<number, LogLine[]>();

  constructor(jobId = 'a') {
    this.jobId = jobId;
  }

  /** Lines of the attempt that runs. */
  get lineCount(): number {
    return this.#attempts.get(this.attempt)?.length ?? 0;
  }

  /** Of all attempts, in order. */
  get texts(): string[] {
    return [...this.#attempts.values()].flat().map(({ text }) => text);
  }

  /** Appends lines to the attempt that runs. */
  print(...texts: readonly string[]): void {
    const lines = this.#attempts.get(this.attempt) ?? [];
    this.#attempts.set(this.attempt, lines);
    for (const text of texts) {
      const t = '2026-01-01T00:00:00.000Z';
      const n = lines.length + 1;
      lines.push({ n, t, stage: 'one', level: 'info', stream: 'stdout', text });
    }
  }

  /** Only the next statement fails. */
  failNext(error: Error): void {
    this.#failures.push(error);
  }

  /** What the database would say; also what a feed can read without one. */
  async tail(place: Pick<LogPlace, 'attempt' | 'after'>): Promise<LogTail | undefined> {
    this.reads.push([{ jobId: this.jobId, ...place }]);
    return this.#tail(place);
  }

  get database(): Database {
    const query = async ({ name }: { name: string }, values: readonly unknown[]) => {
      const failure = this.failure ?? this.#failures.shift();
      if (failure !== undefined) throw failure;
      if (name === 'job_by_id') return this.isGone ? [] : [this.#row()];
      if (name === 'read_log_tails') return await this.#tailRows(values);
      throw new Error(`nobody who follows a log asks for ${name}`);
    };
    return { query } as unknown as Database;
  }

  #tail({ attempt, after }: Pick<LogPlace, 'attempt' | 'after'>): LogTail | undefined {
    if (this.failure !== undefined) throw this.failure;
    if (this.isGone) return undefined;
    const lines = (this.#attempts.get(attempt) ?? []).slice(after, after + LINES_MAX);
    return { state: this.state, attempt: this.attempt, lines };
  }

  async #tailRows([ids, attempts, afters]: readonly unknown[]): Promise<object[]> {
    const places = (ids as string[]).map((jobId, index) => ({
      jobId,
      attempt: (attempts as number[])[index] ?? 0,
      after: (afters as number[])[index] ?? 0,
    }));
    this.reads.push(places);
    const rows = places.map(async (place, index) => {
      const tail = place.jobId === this.jobId ? this.#tail(place) : undefined;
      if (tail === undefined) return [];
      const { state, attempt, lines } = tail;
      const chunk = lines.length === 0 ? null : await encodeLogChunk(lines);
      return [{ n: index + 1, state, attempt, first_line: lines[0]?.n ?? null, bytes: chunk }];
    });
    return (await Promise.all(rows)).flat();
  }

  #row(): object {
    const began = new Date(0);
    const times = { created_at: began, started_at: began, finished_at: null };
    return { id: this.jobId, state: this.state, attempt: this.attempt, version: 1, ...times };
  }
}
