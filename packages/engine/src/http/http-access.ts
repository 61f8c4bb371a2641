// What a job needs for its requests: who resolves names, whom TLS trusts, and the rates.
import { lineOf } from '../branch.ts';
import { createJobWorkspace, type JobWorkspace } from '../fs/job-workspace.ts';
import type { ModuleCall } from '../host-function.ts';
import { type ResolveName, resolveName } from './connect.ts';
import type { OpenExchange } from './exchange.ts';
import { createRateLimit, type RateLimit } from './rate-limit.ts';
import type { Sender } from './send-request.ts';
import { createSlots, type Slots } from './slots.ts';

/** The requests of one job. */
export interface HttpAccess {
  /** On behalf of one host call. */
  senderOf(call: ModuleCall): Sender;
  /** A few downloads at a time; calls of `fs` do not wait for them. */
  readonly downloads: Pick<JobWorkspace, 'enter'>;
  /** For answers that are read into memory; see `readBody`. */
  readonly largeAnswers: Slots;
}

export interface HttpAccessOptions {
  /** The machine's own resolver when absent. */
  readonly resolve?: ResolveName;
  /** Certificates that are trusted instead of those of the machine. */
  readonly ca?: string;
  /** Sends requests in place of the network; then no rate holds them back. */
  readonly open?: OpenExchange;
  /** Waits before another try; in the time of this machine when absent. */
  readonly wait?: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** Requests of a job at a time: each has a connection. */
const REQUESTS_MAX = 16;
/** Answers of a job that are larger than a little, at a time: the runner holds them in memory. */
const LARGE_ANSWERS_MAX = 2;

/** @param workspace host directory that is /workspace in the containers */
export function createHttpAccess(
  workspace: string,
  { resolve = resolveName, ca, open, wait }: HttpAccessOptions = {},
): HttpAccess {
  let ofJob: RateLimit | undefined;
  const slots = createSlots(REQUESTS_MAX);
  const ofStages = new Map<string, RateLimit>();
  return {
    downloads: createJobWorkspace(workspace),
    largeAnswers: createSlots(LARGE_ANSWERS_MAX),
    senderOf({ job, branch }) {
      const { stage, policy } = branch.stage;
      ofJob ??= createRateLimit(policy.http.jobRate);
      const ofStage = ofStages.get(stage) ?? createRateLimit(policy.http.stageRate);
      ofStages.set(stage, ofStage);
      return {
        policy: policy.http,
        rates: open === undefined ? [ofJob, ofStage] : [],
        slots,
        open,
        wait,
        resolve,
        ca,
        signal: branch.signal,
        log: (level, text) => job.log.write(lineOf(branch, level), text),
      };
    },
  };
}
