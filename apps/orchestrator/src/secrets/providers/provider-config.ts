// Which providers of secrets are set up, as the settings say, and the providers made from that.
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { describeThrown, RivetError, SecretText } from '@rivet/base';
import { environmentSource } from './environment.ts';
import { fileSource } from './file.ts';
import { createSecretSources, type SecretSources } from './secret-source.ts';
import { vaultSource } from './vault.ts';
import { type VaultAuth, VaultProblem } from './vault-client.ts';

/** The settings, each empty when it is not set. */
export type ProviderSettings = Readonly<
  Record<
    | 'RIVET_SECRETS_ENV_PREFIX'
    | 'RIVET_SECRETS_DIRECTORY'
    | 'RIVET_VAULT_ADDR'
    | 'RIVET_VAULT_NAMESPACE'
    | 'RIVET_VAULT_CA_FILE'
    | 'RIVET_VAULT_TOKEN'
    | 'RIVET_VAULT_TOKEN_FILE'
    | 'RIVET_VAULT_ROLE_ID'
    | 'RIVET_VAULT_SECRET_ID'
    | 'RIVET_VAULT_SECRET_ID_FILE'
    | 'RIVET_VAULT_APPROLE_MOUNT',
    string
  >
>;

type Env = Readonly<Record<string, string | undefined>>;

/** What a prefix must not open: Rivet's own secrets. */
const OWN_VARIABLES = /^(RIVET_|DATABASE_URL$|PG|VAULT_)/;

/**
 * @param env of which the variables with the prefix are taken, and nothing else
 * @throws RIVET_CONFIG_INVALID
 */
export function readSecretSources(settings: ProviderSettings, env: Env): SecretSources {
  const { RIVET_SECRETS_ENV_PREFIX: prefix, RIVET_SECRETS_DIRECTORY: directory } = settings;
  return createSecretSources([
    ...(prefix === '' ? [] : [environmentSource(readVariables(prefix, env))]),
    ...(directory === '' ? [] : [fileSource(directory)]),
    ...(settings.RIVET_VAULT_ADDR === '' ? [] : [vaultSource(readVault(settings))]),
  ]);
}

function readVariables(prefix: string, env: Env): Map<string, SecretText> {
  if (!/^[A-Za-z_][A-Za-z0-9_]{2,}$/.test(prefix) || OWN_VARIABLES.test(prefix)) {
    const expected =
      'the beginning of names such as CI_SECRET_, three characters or more, not RIVET_';
    throw invalid('RIVET_SECRETS_ENV_PREFIX', JSON.stringify(prefix), expected);
  }
  const values = new Map<string, SecretText>();
  for (const [name, value = ''] of Object.entries(env)) {
    if (!name.startsWith(prefix) || name === prefix || value === '') continue;
    // `DATABASE_` is a prefix that somebody may mean well.
    if (OWN_VARIABLES.test(name)) continue;
    values.set(name.slice(prefix.length), new SecretText(value));
  }
  return values;
}

function readVault(settings: ProviderSettings) {
  const { RIVET_VAULT_ADDR: address, RIVET_VAULT_CA_FILE: caFile } = settings;
  const url = URL.canParse(address) ? new URL(address) : undefined;
  const loopback = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url?.hostname ?? '');
  const encrypted = url?.protocol === 'https:' || (url?.protocol === 'http:' && loopback);
  if (!encrypted || url.username !== '' || url.search !== '' || url.hash !== '') {
    const expected =
      'https://host:port (http:// for this machine only: tokens would cross the network)';
    throw invalid('RIVET_VAULT_ADDR', JSON.stringify(address), expected);
  }
  return {
    address: url.href.replace(/\/+$/, ''),
    namespace: settings.RIVET_VAULT_NAMESPACE || undefined,
    ca: caFile === '' ? undefined : readCa(caFile),
    auth: readAuth(settings),
  };
}

function readCa(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const found = `${JSON.stringify(path)} (${describeThrown(error)})`;
    throw invalid('RIVET_VAULT_CA_FILE', found, 'a file with certificates in PEM', error);
  }
}

function readAuth(settings: ProviderSettings): VaultAuth {
  const token = credential(settings, 'RIVET_VAULT_TOKEN');
  const secretId = credential(settings, 'RIVET_VAULT_SECRET_ID');
  const roleId = settings.RIVET_VAULT_ROLE_ID;
  if (token !== undefined && roleId === '' && secretId === undefined)
    return { kind: 'token', token };
  if (token === undefined && roleId !== '' && secretId !== undefined) {
    const mount = settings.RIVET_VAULT_APPROLE_MOUNT || 'approle';
    return { kind: 'approle', mount, roleId, secretId };
  }
  const expected =
    'RIVET_VAULT_TOKEN, or RIVET_VAULT_ROLE_ID with RIVET_VAULT_SECRET_ID (each secret also as _FILE)';
  throw invalid('RIVET_VAULT_ADDR', 'set, without one way to sign in', expected);
}

/** A secret of ours from a variable, or a file that is read each time, as agents replace it. */
function credential(
  settings: ProviderSettings,
  name: 'RIVET_VAULT_TOKEN' | 'RIVET_VAULT_SECRET_ID',
): (() => Promise<SecretText>) | undefined {
  const text = settings[name];
  const path = settings[`${name}_FILE`];
  if (text !== '' && path !== '') {
    throw invalid(name, `set, and so is ${name}_FILE`, 'one of them alone');
  }
  if (text !== '') {
    const secret = new SecretText(text);
    return async () => secret;
  }
  if (path === '') return undefined;
  return async () => {
    try {
      return new SecretText((await readFile(path, 'utf8')).trim());
    } catch (error) {
      throw new VaultProblem(`${name}_FILE cannot be read: ${describeThrown(error)}`);
    }
  };
}

function invalid(key: string, found: string, expected: string, cause?: unknown): RivetError {
  return RivetError.of('RIVET_CONFIG_INVALID', { key, found, expected }, cause);
}
