// What a job needs for its requests: who resolves names, whom TLS trusts, and the rates.
import { createJobWorkspace, type JobWorkspace } from '../fs/job-workspace.ts';
import type { ModuleCall } from '../host-function.ts';
import { type ResolveName, resolveName } from './connect.ts';
import type { OpenExchange } from './exchange.ts';
import { createRateLimit, type RateLimit } from './rate-limit.ts';
import type { Sender } from './send-request.ts';

/** The requests of one job. */
export interface HttpAccess {
  /** On behalf of one host call. */
  senderOf(call: ModuleCall): Sender;
  /** A few downloads at a time; calls of `fs` do not wait for them. */
  readonly downloads: Pick<JobWorkspace, 'enter'>;
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

/** @param workspace host directory that is /workspace in the containers */
export function createHttpAccess(
  workspace: string,
  { resolve = resolveName, ca, open, wait }: HttpAccessOptions = {},
): HttpAccess {
  let ofJob: RateLimit | undefined;
  const ofStages = new Map<string, RateLimit>();
  return {
    downloads: createJobWorkspace(workspace),
    senderOf({ job, branch }) {
      const { stage, policy } = branch.stage;
      ofJob ??= createRateLimit(policy.http.jobRate);
      const ofStage = ofStages.get(stage) ?? createRateLimit(policy.http.stageRate);
      ofStages.set(stage, ofStage);
      return {
        policy: policy.http,
        rates: open === undefined ? [ofJob, ofStage] : [],
        open,
        wait,
        resolve,
        ca,
        signal: branch.signal,
        log: (level, text) =>
          job.log.write({ stage, level, stream: 'system', groups: branch.groups }, text),
      };
    },
  };
}
