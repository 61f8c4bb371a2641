// What the parts of one running job share.
import type { Logger, RivetError } from '@rivet/base';
import type { PipelineDefinition } from '@rivet/protocol';
import type { Branches } from './branch.ts';
import type { Clock } from './clock.ts';
import type { JobHost, JobSpec } from './job.ts';
import type { JournalWriter } from './journal/journal-writer.ts';
import type { LogWriter } from './log/log-writer.ts';
import type { OutputStore } from './output-store.ts';

/** One attempt at a job while it runs. */
export interface JobContext {
  readonly spec: JobSpec;
  readonly host: JobHost;
  readonly definition: PipelineDefinition;
  readonly log: LogWriter;
  readonly journal: JournalWriter;
  readonly outputs: OutputStore;
  readonly branches: Branches;
  readonly logger: Logger;
  /**
   * A number that was not given before in this attempt: what one stage was given means nothing in
   * another.
   */
  nextId(): number;
  readonly clock: Clock;
  /** Milliseconds since 1970. */
  readonly startedAtMs: number;
  /**
   * Ends the job with this error: running stages are stopped, no other begins. The first one
   * counts.
   */
  fail(error: RivetError): void;
}
