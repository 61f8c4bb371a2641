// Where values come from that are not in the database: the contract of the providers, and which of
// them are set up.
import { RivetError, type SecretText } from '@rivet/base';
import type { SecretProviderName } from '@rivet/protocol';

export type SourceName = Exclude<SecretProviderName, 'database'>;

/** A provider. Any number of reads may run at a time; nothing is kept for more than seconds. */
export interface SecretSource {
  readonly name: SourceName;
  /**
   * Looks at the text only, not at what it refers to.
   * @throws RIVET_SECRET_REFERENCE_INVALID
   */
  checkReference(reference: string): void;
  /**
   * The value; undefined when there is none.
   * @throws RIVET_SECRET_PROVIDER_FAILED, RIVET_SECRET_REFERENCE_INVALID
   */
  read(reference: string): Promise<SecretText | undefined>;
}

export interface SecretSources {
  /** @throws RIVET_SECRET_PROVIDER_OFF */
  find(name: SourceName): SecretSource;
}

/** The setting with which each provider is set up. */
const SETTINGS: Readonly<Record<SourceName, string>> = {
  environment: 'RIVET_SECRETS_ENV_PREFIX',
  file: 'RIVET_SECRETS_DIRECTORY',
  vault: 'RIVET_VAULT_ADDR',
};

export function createSecretSources(sources: readonly SecretSource[]): SecretSources {
  return {
    find(name) {
      const source = sources.find((each) => each.name === name);
      if (source !== undefined) return source;
      throw RivetError.of('RIVET_SECRET_PROVIDER_OFF', { provider: name, setting: SETTINGS[name] });
    },
  };
}

export function referenceInvalid(
  provider: SourceName,
  reference: string,
  expected: string,
): RivetError {
  const shown = JSON.stringify(reference);
  return RivetError.of('RIVET_SECRET_REFERENCE_INVALID', { provider, reference: shown, expected });
}

export function providerFailed(
  provider: SourceName,
  reference: string,
  reason: string,
  cause?: unknown,
): RivetError {
  const facts = { provider, reference: JSON.stringify(reference), reason };
  return RivetError.of('RIVET_SECRET_PROVIDER_FAILED', facts, cause);
}
