// The three calls of a runner to the server, each with a deadline over the whole answer.
import { describeThrown, formatDuration, isRivetError, RivetError } from '@rivet/base';
import {
  type ClaimRequest,
  type ClaimResponse,
  createClient,
  type RegisterRequest,
  type RegisterResponse,
  type ReportRequest,
  type ReportResponse,
} from '@rivet/protocol';

interface CallLimits {
  /** Until the answer has been read, in milliseconds. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/**
 * Every method rejects with a RivetError, and none tries again by itself: the callers know their
 * leases.
 */
export interface ServerApi {
  register(body: RegisterRequest, limits: CallLimits): Promise<RegisterResponse>;
  claim(body: ClaimRequest, limits: CallLimits): Promise<ClaimResponse>;
  report(job: string, body: ReportRequest, limits: CallLimits): Promise<ReportResponse>;
}

/** @throws RIVET_SERVER_URL_INVALID */
export function createServerApi(url: string, userAgent: string): ServerApi {
  const client = createClient({ url, userAgent, triesMax: 1 });
  const within = async <T>(
    limits: CallLimits,
    call: (options: { signal: AbortSignal; timeoutMs: number }) => Promise<T>,
  ): Promise<T> => {
    const deadline = AbortSignal.timeout(limits.timeoutMs);
    try {
      return await call({
        signal: AbortSignal.any([deadline, limits.signal]),
        timeoutMs: limits.timeoutMs,
      });
    } catch (error) {
      if (isRivetError(error)) throw error;
      const reason = deadline.aborted
        ? `no answer within ${formatDuration(limits.timeoutMs)}`
        : describeThrown(error);
      throw RivetError.of('RIVET_SERVER_UNREACHABLE', { url, reason }, error);
    }
  };
  return {
    register: (body, limits) => within(limits, (call) => client.registerRunner({ body, ...call })),
    claim: (body, limits) => within(limits, (call) => client.claimJobs({ body, ...call })),
    report: (id, body, limits) => within(limits, (call) => client.reportJob({ id, body, ...call })),
  };
}
