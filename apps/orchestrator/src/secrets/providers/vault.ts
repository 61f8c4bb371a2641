// The provider "vault": fields of secrets in HashiCorp Vault's KV engine, version 2.
import { RivetError, SecretText } from '@rivet/base';
import { providerFailed, referenceInvalid, type SecretSource } from './secret-source.ts';
import {
  createVaultClient,
  type VaultLimits,
  type VaultOptions,
  type VaultPlace,
  VaultProblem,
} from './vault-client.ts';

/** Jobs that begin together ask once. Whoever changes a value waits no longer than this. */
const CACHE_MS = 5000;
const CACHE_ENTRIES_MAX = 500;

const EXPECTED =
  'mount/path#field such as secret/ci/npm#token (mount::path#field for a mount with slashes)';

export function vaultSource(options: VaultOptions, limits?: VaultLimits): SecretSource {
  const client = createVaultClient(options, limits);
  const recent = new Map<string, { readonly value: Promise<unknown>; readonly untilMs: number }>();

  const ask = (reference: string): Promise<unknown> => {
    const now = performance.now();
    const known = recent.get(reference);
    if (known !== undefined && now < known.untilMs) return known.value;
    const value = client.read(parseVaultReference(reference));
    for (const [key, entry] of recent) {
      if (now >= entry.untilMs || recent.size >= CACHE_ENTRIES_MAX) recent.delete(key);
    }
    const entry = { value, untilMs: now + CACHE_MS };
    recent.set(reference, entry);
    // What failed is asked for again at once.
    value.catch(() => recent.get(reference) === entry && recent.delete(reference));
    return value;
  };
  return {
    name: 'vault',
    checkReference: (reference) => void parseVaultReference(reference),
    async read(reference) {
      let value: unknown;
      try {
        value = await ask(reference);
      } catch (error) {
        if (error instanceof RivetError) throw error;
        const reason =
          error instanceof VaultProblem ? error.message : 'its answer was not readable';
        throw providerFailed('vault', reference, reason, error);
      }
      if (value === undefined) return undefined;
      if (typeof value === 'string') return new SecretText(value);
      throw providerFailed('vault', reference, 'the field is no text');
    },
  };
}

/** @throws RIVET_SECRET_REFERENCE_INVALID */
export function parseVaultReference(reference: string): VaultPlace {
  const match = /^(?:(?<mounts>[^#:]+)::|(?<mount>[^#:/]+)\/)(?<path>[^#]+)#(?<field>[^#]+)$/.exec(
    reference,
  );
  const { mounts, mount = mounts, path, field } = match?.groups ?? {};
  const clean = (text: string | undefined): text is string =>
    text?.split('/').every((part) => /^[\x20-\x7e]+$/.test(part) && !/^\.{1,2}$/.test(part)) ===
    true;
  if (clean(mount) && clean(path) && field !== undefined) return { mount, path, field };
  throw referenceInvalid('vault', reference, EXPECTED);
}
