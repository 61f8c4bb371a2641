// How a runner gets in: with its own token, or once with a registration token; and how it changes
// its token.
import { isRivetError, type Logger, RivetError, type SecretText } from '@rivet/base';
import { type ConnectRequest, type ConnectResponse, PROTOCOL_VERSION } from '@rivet/protocol';
import type { CallLimits, ServerApi } from './server-api.ts';
import type { Counter } from './state-directory.ts';
import { hashOf, type TokenFile } from './token-file.ts';

export interface EnrollmentOptions {
  readonly api: ServerApi;
  readonly tokens: TokenFile;
  readonly name: string;
  readonly stateDirectory: string;
  /** What the runner offers. */
  readonly offer: Omit<ConnectRequest, 'held' | 'number'>;
  readonly connects: () => Counter;
  /** The attempts that it has. */
  readonly held: () => NonNullable<ConnectRequest['held']>;
  /**
   * Read only when it is needed: once the runner is registered it may be gone.
   * @throws RIVET_RUNNER_TOKEN_MALFORMED
   */
  readonly registrationToken: () => Promise<SecretText | undefined>;
  readonly logger: Logger;
}

/** The runner's place at the server. Its methods do not try again by themselves. */
export class Enrollment {
  readonly #options: EnrollmentOptions;

  constructor(options: EnrollmentOptions) {
    this.#options = options;
  }

  /**
   * Connects with the token of the state directory, and registers first where there is none. May be
   * called again after any failure, and after a crash at any point: the token is on the disk before
   * the server hears of it, and registering the same one twice is registering it once.
   * @throws RIVET_PROTOCOL_MISMATCH, RIVET_RUNNER_NOT_REGISTERED, RIVET_RUNNER_REFUSED,
   *   RIVET_RUNNER_REGISTRATION_REFUSED, RIVET_RUNNER_NAME_TAKEN, RIVET_RUNNER_REVOKED,
   *   RIVET_RUNNER_TAG_DENIED, or why the server could not be reached
   */
  async connect(limits: CallLimits): Promise<ConnectResponse> {
    const { api, tokens } = this.#options;
    const { current, next } = await tokens.read();
    if (next !== undefined) {
      const connected = await this.#connectWith(next, limits);
      if (connected !== undefined) {
        await tokens.adoptNext();
        return connected;
      }
    }
    if (current !== undefined) {
      const connected = await this.#connectWith(current, limits);
      if (connected !== undefined) {
        await tokens.dropNext();
        return connected;
      }
    }
    const token = await this.#register(current, limits);
    api.useToken(token);
    return await this.#connect(limits);
  }

  /**
   * Changes the token: until the new one has been used, the old one works.
   * @throws why the server could not be reached; to be called again then
   */
  async changeToken(limits: CallLimits): Promise<void> {
    const { api, tokens, logger } = this.#options;
    const next = (await tokens.read()).next ?? (await tokens.makeNext());
    await api.changeToken(hashOf(next), limits);
    api.useToken(next);
    // The first use of it ends the old one; only then may the old one be forgotten.
    await api.changeToken(hashOf(next), limits);
    await tokens.adoptNext();
    logger.info({}, 'the runner has a new token');
  }

  /** Undefined when the server does not know the token. */
  async #connectWith(token: SecretText, limits: CallLimits): Promise<ConnectResponse | undefined> {
    this.#options.api.useToken(token);
    try {
      return await this.#connect(limits);
    } catch (error) {
      if (isRivetError(error, 'RIVET_AUTH_INVALID')) return undefined;
      throw error;
    }
  }

  /** @throws RIVET_PROTOCOL_MISMATCH where the server is older than this runner */
  async #connect(limits: CallLimits): Promise<ConnectResponse> {
    const connected = await this.#tellOffer(limits).catch((error: unknown) => {
      throw isUnknownField(error) ? serverTooOld('an older one', error) : error;
    });
    const { protocol = 1 } = connected;
    if (protocol < PROTOCOL_VERSION) throw serverTooOld(String(protocol));
    return connected;
  }

  async #tellOffer(limits: CallLimits): Promise<ConnectResponse> {
    const { api, offer, held, connects } = this.#options;
    const ask = async (): Promise<ConnectResponse> =>
      api.connect({ ...offer, held: held(), number: await connects().next() }, limits);
    try {
      return await ask();
    } catch (error) {
      if (!isRivetError(error, 'RIVET_RUNNER_CONNECT_OLD')) throw error;
      // The answer to the same one got lost, or the state directory is an old copy.
      connects().raise(Number(error.details.latest));
      return await ask();
    }
  }

  /** Registers the token that is there, or a new one; returns it. */
  async #register(kept: SecretText | undefined, limits: CallLimits): Promise<SecretText> {
    const { api, tokens, name, offer, stateDirectory, logger } = this.#options;
    const registrationToken = await this.#options.registrationToken();
    if (registrationToken === undefined) {
      if (kept === undefined) {
        throw RivetError.of('RIVET_RUNNER_NOT_REGISTERED', { directory: stateDirectory });
      }
      const why = 'it is not valid there';
      throw RivetError.of('RIVET_RUNNER_REFUSED', { url: api.url, name, why });
    }
    const token = kept ?? (await tokens.make());
    try {
      const body = { name, token_sha256: hashOf(token), ...offer };
      await api.register(registrationToken, body, limits);
    } catch (error) {
      if (!isRivetError(error, 'RIVET_AUTH_INVALID')) throw error;
      throw RivetError.of('RIVET_RUNNER_REGISTRATION_REFUSED', { url: api.url }, error);
    }
    logger.info({ runner: name }, 'registered; from now on the runner uses a token of its own');
    return token;
  }
}

/** Servers refuse what they do not know, so one that was to be said is of a newer version. */
function isUnknownField(error: unknown): boolean {
  return (
    isRivetError(error, 'RIVET_REQUEST_INVALID') && /: body\S* has no field /.test(error.message)
  );
}

function serverTooOld(server: string, cause?: unknown): RivetError {
  const details = { older: 'orchestrator', runner: String(PROTOCOL_VERSION), server };
  return RivetError.of('RIVET_PROTOCOL_MISMATCH', details, cause);
}
