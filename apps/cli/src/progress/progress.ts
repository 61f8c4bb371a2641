// How the course of a job is shown: the contract of the three ways to show it.
import type { JobOutcome, LogLine, StageChange } from '@rivet/protocol';

/** How a job ended, for its summary. */
export interface JobEnd extends JobOutcome {
  /** In milliseconds. */
  readonly durationMs: number;
  readonly outputs: Readonly<Record<string, unknown>>;
  /** What the job told about itself in Markdown; null when it told nothing. */
  readonly summary: string | null;
}

/** Takes what a job tells, in order, and shows it. */
export interface Progress {
  line(line: LogLine): void;
  stage(change: StageChange): void;
  /** A remark about the job as a whole, such as a new attempt. */
  remark(text: string): void;
  /** Shows the summary; nothing comes after it. */
  end(end: JobEnd): void;
  /** Takes away what moves; safe to call twice, and after `end`. */
  stop(): void;
}
