// The calls of a runner to the server, each with a deadline over the whole answer.
import {
  describeThrown,
  formatDuration,
  isRivetError,
  RivetError,
  type SecretText,
} from '@rivet/base';
import {
  type ClaimRequest,
  type ClaimResponse,
  type Client,
  type ConnectRequest,
  type ConnectResponse,
  createClient,
  type Fetch,
  type IdTokenRequest,
  type IdTokenResponse,
  type JobBundleQuery,
  type JobSecretsRequest,
  type JobSecretsResponse,
  type PipelineBundle,
  PROTOCOL_VERSION,
  type RegisterRequest,
  type RegisterResponse,
  type RenewLeasesRequest,
  type RenewLeasesResponse,
  type ReportRequest,
  type ReportResponse,
  type ReportsRequest,
  type ReportsResponse,
} from '@rivet/protocol';

export interface CallLimits {
  /** Until the answer has been read, in milliseconds. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/**
 * Every method rejects with a RivetError, and none tries again by itself: the callers know their
 * leases.
 */
export interface ServerApi {
  readonly url: string;
  /** The token that calls bring from now on; `register` brings the registration token. */
  useToken(token: SecretText): void;
  register(
    registrationToken: SecretText,
    body: RegisterRequest,
    limits: CallLimits,
  ): Promise<RegisterResponse>;
  connect(body: ConnectRequest, limits: CallLimits): Promise<ConnectResponse>;
  /** Offers the hash of a new token, or uses it for the first time. */
  changeToken(hash: string, limits: CallLimits): Promise<void>;
  claim(body: ClaimRequest, limits: CallLimits): Promise<ClaimResponse>;
  report(job: string, body: ReportRequest, limits: CallLimits): Promise<ReportResponse>;
  /** Several of them at once; each has its own answer. */
  reports(body: ReportsRequest, limits: CallLimits): Promise<ReportsResponse>;
  renewLeases(body: RenewLeasesRequest, limits: CallLimits): Promise<RenewLeasesResponse>;
  bundle(job: string, query: JobBundleQuery, limits: CallLimits): Promise<PipelineBundle>;
  secrets(job: string, body: JobSecretsRequest, limits: CallLimits): Promise<JobSecretsResponse>;
  idToken(job: string, body: IdTokenRequest, limits: CallLimits): Promise<IdTokenResponse>;
}

export interface ServerApiOptions {
  readonly url: string;
  readonly userAgent: string;
  /** How requests are sent, where the server's certificate is not to be held against the usual. */
  readonly fetch?: Fetch | undefined;
}

type Options = { readonly signal: AbortSignal; readonly timeoutMs: number };

/** @throws RIVET_SERVER_URL_INVALID */
export function createServerApi({ url, userAgent, fetch }: ServerApiOptions): ServerApi {
  const clientWith = (token?: SecretText): Client =>
    createClient({
      url,
      userAgent,
      protocol: PROTOCOL_VERSION,
      triesMax: 1,
      ...(fetch !== undefined && { fetch }),
      ...(token !== undefined && { token: token.reveal() }),
    });
  let client = clientWith();
  /** A call whose token was replaced while it was on its way is sent again with the new one. */
  const withToken = async <T>(
    limits: CallLimits,
    call: (client: Client, options: Options) => Promise<T>,
  ): Promise<T> => {
    const used = client;
    try {
      return await within(url, limits, (options) => call(used, options));
    } catch (error) {
      if (used === client || !isRivetError(error, 'RIVET_AUTH_INVALID')) throw error;
      return within(url, limits, (options) => call(client, options));
    }
  };
  return {
    url,
    useToken: (token) => {
      client = clientWith(token);
    },
    register: (token, body, limits) =>
      within(url, limits, (options) => clientWith(token).registerRunner({ body, ...options })),
    connect: (body, limits) =>
      withToken(limits, (as, options) => as.connectRunner({ body, ...options })),
    changeToken: (hash, limits) =>
      withToken(limits, (as, options) =>
        as.changeRunnerToken({ body: { token_sha256: hash }, ...options }),
      ),
    claim: (body, limits) => withToken(limits, (as, options) => as.claimJobs({ body, ...options })),
    report: (id, body, limits) =>
      withToken(limits, (as, options) => as.reportJob({ id, body, ...options })),
    reports: (body, limits) =>
      withToken(limits, (as, options) => as.reportJobs({ body, ...options })),
    renewLeases: (body, limits) =>
      withToken(limits, (as, options) => as.renewLeases({ body, ...options })),
    bundle: (id, query, limits) =>
      withToken(limits, (as, options) => as.fetchJobBundle({ id, query, ...options })),
    secrets: (id, body, limits) =>
      withToken(limits, (as, options) => as.fetchJobSecrets({ id, body, ...options })),
    idToken: (id, body, limits) =>
      withToken(limits, (as, options) => as.issueIdToken({ id, body, ...options })),
  };
}

async function within<T>(
  url: string,
  limits: CallLimits,
  call: (options: Options) => Promise<T>,
): Promise<T> {
  const timeoutMs = Math.ceil(limits.timeoutMs);
  const deadline = AbortSignal.timeout(timeoutMs);
  try {
    return await call({
      signal: AbortSignal.any([deadline, limits.signal]),
      timeoutMs,
    });
  } catch (error) {
    if (isRivetError(error)) throw error;
    const reason = deadline.aborted
      ? `no answer within ${formatDuration(limits.timeoutMs)}`
      : describeThrown(error);
    throw RivetError.of('RIVET_SERVER_UNREACHABLE', { url, reason }, error);
  }
}
