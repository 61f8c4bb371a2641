// The orchestrator's settings: the only place that reads its environment variables.
import {
  choiceSetting,
  didYouMean,
  durationSetting,
  integerSetting,
  type LogLevel,
  RivetError,
  readSettings,
  SecretText,
  type SettingsOf,
  sizeSetting,
  textSetting,
  unknownVariables,
} from '@rivet/base';
import { type PartitionPeriod, retentionSetting } from './duties/history-plan.ts';
import { type NetworkConfig, networkSettings, readNetwork } from './network-config.ts';
import { type OidcConfig, oidcSettings, readOidc } from './oidc-config.ts';
import type { MasterKeySource } from './sealing/load-master-key.ts';
import { readSecretSources } from './secrets/providers/provider-config.ts';
import type { SecretSources } from './secrets/providers/secret-source.ts';

export interface Config extends NetworkConfig {
  readonly databaseUrl: string;
  /** A copy that may be behind, for lists and logs of ended jobs. */
  readonly databaseReaderUrl?: string | undefined;
  /** The database itself, where `databaseUrl` is a pooler: for what needs a session. */
  readonly databaseDirectUrl?: string | undefined;
  /** Whether statements are prepared once for each connection. */
  readonly preparedStatements: boolean;
  /** Connections at most, the reserved ones and the one that listens among them. */
  readonly databaseConnectionsMax: number;
  /** Of these, for claims, leases and cancels alone: 0 for none. */
  readonly reservedConnections: number;
  /** Whether reports of several runners are stored in one transaction. */
  readonly batching: boolean;
  readonly logLevel: LogLevel;
  /** Whether to bring the schema up to date before serving. */
  readonly migrate: boolean;
  /** Streams of events that one user may have open at this orchestrator. */
  readonly streamsPerUser: number;
  /** How long a claim or report holds an attempt. */
  readonly leaseSeconds: number;
  /** How long an attempt may go on after a timeout before it is ended here. */
  readonly timeoutGraceMs: number;
  /** The timeout of attempts whose pipeline sets none, whatever their runner does about them. */
  readonly attemptTimeMsMax: number;
  /** Bytes that the log of an attempt may have, whatever limit its runner has. */
  readonly logBytesMax: number;
  /** Longest answer to a long poll or stop, for proxies in between, in milliseconds. */
  readonly pollMsMax: number;
  /** Whether orchestrators tell each other, and themselves, at once what has changed. */
  readonly notifications: boolean;
  /** Whether who runners are and what they offer is kept in memory for a moment. */
  readonly runnerCache: boolean;
  /** Whether the heap grows slowly while little is to be done. */
  readonly leanHeap: boolean;
  /** Whether Lua processes start from what `npm run build` made. */
  readonly bundled: boolean;
  /** How long jobs are kept after their partition is full, in milliseconds; absent: for ever. */
  readonly retentionMs?: number | undefined;
  /** What one partition of history holds. */
  readonly partitionPeriod: PartitionPeriod;
  /** Seals what the database must not tell. */
  readonly masterKey?: MasterKeySource | undefined;
  /** Opens what is still, or already, sealed with another one. */
  readonly otherMasterKey?: MasterKeySource | undefined;
  /** Where values of secrets come from that are not in the database. */
  readonly secretSources: SecretSources;
  /** Where people can sign in besides; absent: nowhere else. */
  readonly oidc?: OidcConfig | undefined;
}

const settings = {
  DATABASE_URL: textSetting(''),
  RIVET_DATABASE_URL: textSetting(''),
  RIVET_DATABASE_READER_URL: textSetting(''),
  RIVET_DATABASE_DIRECT_URL: textSetting(''),
  RIVET_PREPARED_STATEMENTS: choiceSetting('auto', ['auto', 'on', 'off']),
  ...networkSettings,
  ...oidcSettings,
  RIVET_LOG_LEVEL: choiceSetting<LogLevel>('info', ['debug', 'info', 'warn', 'error', 'silent']),
  RIVET_MIGRATE: choiceSetting('auto', ['auto', 'never']),
  RIVET_LEASE: durationSetting(15_000),
  RIVET_TIMEOUT_GRACE: durationSetting(300_000),
  RIVET_POLL: durationSetting(50_000),
  RIVET_NOTIFICATIONS: choiceSetting('on', ['on', 'off']),
  RIVET_RUNNER_CACHE: choiceSetting('on', ['on', 'off']),
  RIVET_LEAN_HEAP: choiceSetting('on', ['on', 'off']),
  RIVET_BUNDLED: choiceSetting('on', ['on', 'off']),
  RIVET_ATTEMPT_TIME_MAX: durationSetting(24 * 3_600_000),
  RIVET_ATTEMPT_LOG_MAX: sizeSetting(512 * 1024 ** 2),
  RIVET_STREAMS_PER_USER: integerSetting(200, 1, 100_000),
  RIVET_RETENTION: retentionSetting(),
  RIVET_PARTITIONS: choiceSetting<PartitionPeriod>('week', ['day', 'week', 'month']),
  RIVET_DATABASE_CONNECTIONS: integerSetting(10, 2, 200),
  RIVET_RESERVED_CONNECTIONS: integerSetting(2, 0, 100),
  RIVET_BATCHING: choiceSetting('on', ['on', 'off']),
  RIVET_MASTER_KEY: textSetting(''),
  RIVET_MASTER_KEY_FILE: textSetting(''),
  RIVET_MASTER_KEY_COMMAND: textSetting(''),
  RIVET_MASTER_KEY_PREVIOUS: textSetting(''),
  RIVET_MASTER_KEY_PREVIOUS_FILE: textSetting(''),
  RIVET_MASTER_KEY_PREVIOUS_COMMAND: textSetting(''),
  RIVET_SECRETS_ENV_PREFIX: textSetting(''),
  RIVET_SECRETS_DIRECTORY: textSetting(''),
  RIVET_VAULT_ADDR: textSetting(''),
  RIVET_VAULT_NAMESPACE: textSetting(''),
  RIVET_VAULT_CA_FILE: textSetting(''),
  RIVET_VAULT_TOKEN: textSetting(''),
  RIVET_VAULT_TOKEN_FILE: textSetting(''),
  RIVET_VAULT_ROLE_ID: textSetting(''),
  RIVET_VAULT_SECRET_ID: textSetting(''),
  RIVET_VAULT_SECRET_ID_FILE: textSetting(''),
  RIVET_VAULT_APPROLE_MOUNT: textSetting(''),
};

/** Those of the other programs, which may be set for all of them together. */
const OTHER_PROGRAMS =
  /^RIVET_(BUNDLE_CACHE|CA|CANCEL|CLI|CONFIG|CONTEXT|CONTROL|DATA|DEBUG|DEFAULT|DELIVERY|DISK|EARLY|IMAGE|JOB|KILL|LUA|ON_TERM|OUTAGE|PLUGINS|POLICY|READY|REPORT|RUNNER|RUN_AHEAD|SPOOL|START|STATE|STOP|TOKEN|URL|WARM)/;

const LEASE_MS_MIN = 2000;
/** Less would end every job of a pipeline without a timeout. */
const ATTEMPT_TIME_MS_MIN = 60_000;
/** Shorter polls would only keep everybody busy. */
const POLL_MS_MIN = 1000;

/**
 * Reads the settings.
 * @throws RIVET_CONFIG_INVALID, RIVET_DATABASE_URL_MISSING, RIVET_LISTEN_INVALID,
 *   RIVET_LISTEN_PLAINTEXT, RIVET_OIDC_CONFIG
 */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const values = readSettings(settings, env);
  const databaseUrl = values.RIVET_DATABASE_URL || values.DATABASE_URL;
  if (databaseUrl === '') {
    throw RivetError.of('RIVET_DATABASE_URL_MISSING', {
      setting: 'DATABASE_URL',
      found: 'not set',
    });
  }
  requireAtLeast('RIVET_LEASE', values.RIVET_LEASE, LEASE_MS_MIN, env);
  requireAtLeast('RIVET_ATTEMPT_TIME_MAX', values.RIVET_ATTEMPT_TIME_MAX, ATTEMPT_TIME_MS_MIN, env);
  requireAtLeast('RIVET_POLL', values.RIVET_POLL, POLL_MS_MIN, env);
  const network = readNetwork(values);
  return {
    ...network,
    databaseUrl,
    databaseReaderUrl: values.RIVET_DATABASE_READER_URL || undefined,
    databaseDirectUrl: values.RIVET_DATABASE_DIRECT_URL || undefined,
    // Poolers keep no prepared statements for a client, unless they are new enough and told to.
    preparedStatements:
      values.RIVET_PREPARED_STATEMENTS === 'auto'
        ? values.RIVET_DATABASE_DIRECT_URL === ''
        : values.RIVET_PREPARED_STATEMENTS === 'on',
    databaseConnectionsMax: values.RIVET_DATABASE_CONNECTIONS,
    reservedConnections: values.RIVET_RESERVED_CONNECTIONS,
    batching: values.RIVET_BATCHING === 'on',
    logLevel: values.RIVET_LOG_LEVEL,
    migrate: values.RIVET_MIGRATE === 'auto',
    streamsPerUser: values.RIVET_STREAMS_PER_USER,
    leaseSeconds: Math.round(values.RIVET_LEASE / 1000),
    timeoutGraceMs: values.RIVET_TIMEOUT_GRACE,
    attemptTimeMsMax: values.RIVET_ATTEMPT_TIME_MAX,
    logBytesMax: values.RIVET_ATTEMPT_LOG_MAX,
    pollMsMax: values.RIVET_POLL,
    notifications: values.RIVET_NOTIFICATIONS === 'on',
    runnerCache: values.RIVET_RUNNER_CACHE === 'on',
    leanHeap: values.RIVET_LEAN_HEAP === 'on',
    bundled: values.RIVET_BUNDLED === 'on',
    retentionMs: values.RIVET_RETENTION === 'forever' ? undefined : values.RIVET_RETENTION,
    partitionPeriod: values.RIVET_PARTITIONS,
    masterKey: readMasterKey('RIVET_MASTER_KEY', values, env),
    otherMasterKey: readMasterKey('RIVET_MASTER_KEY_PREVIOUS', values, env),
    secretSources: readSecretSources(values, env),
    oidc: readOidc(values, network.publicUrl),
  };
}

/** Where a master key comes from; undefined when nothing says so. */
function readMasterKey(
  name: 'RIVET_MASTER_KEY' | 'RIVET_MASTER_KEY_PREVIOUS',
  values: SettingsOf<typeof settings>,
  env: Readonly<Record<string, string | undefined>>,
): MasterKeySource | undefined {
  const names = [name, `${name}_FILE`, `${name}_COMMAND`] as const;
  const given = names.filter((key) => values[key] !== '');
  const [setting] = given;
  if (setting === undefined) return undefined;
  if (given.length > 1) {
    const found = `set, and so is ${given.slice(1).join(' and ')}`;
    const expected = 'one of them alone';
    throw RivetError.of('RIVET_CONFIG_INVALID', { key: setting, found, expected });
  }
  const text = values[setting];
  if (setting === `${name}_FILE`) return { kind: 'file', setting, path: text };
  if (setting === name) return { kind: 'value', setting, text: new SecretText(text) };
  return { kind: 'command', setting, command: text, env: withoutOwnSecrets(env) };
}

/** What a command is given: all but what would tell it more than it needs. */
function withoutOwnSecrets(
  env: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string | undefined>> {
  const ours = /^(DATABASE_URL|RIVET_DATABASE_.*URL|RIVET_MASTER_KEY.*)$/;
  return Object.fromEntries(Object.entries(env).filter(([name]) => !ours.test(name)));
}

function requireAtLeast(
  key: keyof typeof settings,
  valueMs: number,
  minMs: number,
  env: Readonly<Record<string, string | undefined>>,
): void {
  if (valueMs >= minMs) return;
  const expected = `at least ${minMs / 1000}s`;
  throw RivetError.of('RIVET_CONFIG_INVALID', { key, found: JSON.stringify(env[key]), expected });
}

/** One sentence for each variable that looks like ours and is not. */
export function settingWarnings(env: Readonly<Record<string, string | undefined>>): string[] {
  const known = Object.keys(settings);
  return unknownVariables(known, env)
    .filter(({ name, nearest }) => nearest !== undefined && !OTHER_PROGRAMS.test(name))
    .map(({ name }) => `${name} is no setting of the orchestrator${didYouMean(name, known)}`);
}
