// What the parts of one running job share.
import type { Logger, RivetError } from '@rivet/base';
import type { PipelineDefinition } from '@rivet/protocol';
import type { Branches } from './branch.ts';
import type { Clock } from './clock.ts';
import type { RunAhead } from './commands/run-ahead.ts';
import type { JobImages } from './containers/job-images.ts';
import type { JobWorkspace } from './fs/job-workspace.ts';
import type { HttpAccess } from './http/http-access.ts';
import type { JobIdentity } from './identity/job-identity.ts';
import type { JobHost, JobSpec } from './job.ts';
import type { JobSummary } from './job-summary.ts';
import type { JournalWriter } from './journal/journal-writer.ts';
import type { Replay } from './journal/replay.ts';
import type { Seal } from './journal/seal.ts';
import type { LogWriter } from './log/log-writer.ts';
import type { OutputStore } from './output-store.ts';
import type { Redactor } from './redaction/redactor.ts';
import type { JobSecrets } from './secrets/job-secrets.ts';
import type { YamlProcess } from './yaml/yaml-process.ts';

/** One attempt at a job while it runs. */
export interface JobContext {
  readonly spec: JobSpec;
  readonly host: JobHost;
  readonly definition: PipelineDefinition;
  readonly log: LogWriter;
  readonly journal: JournalWriter;
  /** What an earlier process did in this attempt; undefined when there was none. */
  readonly replay: Replay | undefined;
  readonly seal: Seal | undefined;
  readonly outputs: OutputStore;
  readonly summary: JobSummary;
  readonly workspace: JobWorkspace;
  readonly yaml: YamlProcess;
  readonly branches: Branches;
  readonly ahead: RunAhead;
  readonly images: JobImages;
  readonly http: HttpAccess;
  readonly secrets: JobSecrets;
  readonly identity: JobIdentity;
  /** What leaves the job goes through it: log, journal, outputs, stage changes, its outcome. */
  readonly redactor: Redactor;
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
