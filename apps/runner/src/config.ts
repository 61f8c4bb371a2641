// The runner's settings: its environment variables, read once, all told with what was expected.
import { availableParallelism, homedir, hostname } from 'node:os';
import { isAbsolute, join } from 'node:path';
import {
  choiceSetting,
  didYouMean,
  durationSetting,
  integerSetting,
  type LogLevel,
  parseSize,
  RivetError,
  readSettings,
  SecretText,
  type Setting,
  sizeSetting,
  textSetting,
  unknownVariables,
} from '@rivet/base';
import type { JobLimits } from '@rivet/engine';
import type { RunnerTag } from '@rivet/protocol';
import type { RegistrationSource } from './registration-token.ts';

const NAME_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;
const TAG_PATTERN = /^[^=,\s]{1,100}=[^=,]{1,200}$/;
const TAGS_MAX = 100;
/** Kept ready unless the settings say otherwise; a runner with less capacity keeps fewer. */
const WARM_CONTAINERS_MAX = 4;

export interface RunnerConfig {
  /** Address of the server, without a trailing slash. */
  readonly url: string;
  /** Absolute path of the authority that must have signed the server's certificate. */
  readonly caFile: string | undefined;
  readonly name: string;
  /** What it registers with at its first start. */
  readonly registration: RegistrationSource;
  readonly tags: readonly RunnerTag[];
  /** Jobs at once. */
  readonly capacity: number;
  /** Absolute path of what the runner keeps on disk. */
  readonly stateDirectory: string;
  readonly defaultImage: string;
  /** Absolute path of the installation's policy; undefined: no rules. */
  readonly policyFile: string | undefined;
  readonly logLevel: LogLevel;
  /**
   * How long running jobs have to end by themselves when the runner is told to stop, in
   * milliseconds.
   */
  readonly stopGraceMs: number;
  /** How long the runner waits at its start for a server that does not answer, in milliseconds. */
  readonly startDeadlineMs: number;
  /** How long the end of a job is offered to a server that does not answer, in milliseconds. */
  readonly deliveryDeadlineMs: number;
  /** What becomes of running jobs at SIGTERM: they end, or the next process goes on with them. */
  readonly onTerm: 'drain' | 'handover';
  /**
   * How long jobs go on at most while the server is there and its database is not, in milliseconds.
   */
  readonly outageMsMax: number;
  /** Bytes of unsent log that a job may have on disk before it is made to wait. */
  readonly spoolBytesMax: number;
  /** Whether reports of several jobs go to the server in one request. */
  readonly reportBundling: boolean;
  readonly limits: JobLimits;
  /** Bytes free on its disks below which it takes no jobs; 0: any; undefined: by the disk's size. */
  readonly diskBytesMin: number | undefined;
  /** How long images must be unused to be removed for room, in milliseconds; 0: none is. */
  readonly imageMsMax: number;
  /** Containers that are kept started for jobs to come; 0: none. */
  readonly warmContainers: number;
  /** Whether a Lua process is started before a job needs it. */
  readonly readyLua: boolean;
  /** Whether Lua and the first container start before the first report is answered. */
  readonly earlyStart: boolean;
  /** Whether a command that is certain to come next is made ready before it is asked for. */
  readonly runAhead: boolean;
  /** Whether bundles are kept, so that the server sends each one once. */
  readonly bundleCache: boolean;
  /** Whether commands go through control directories; every one by `podman exec` when false. */
  readonly controlDirectory: boolean;
  /** Whether Lua processes start from what `npm run build` made. */
  readonly bundled: boolean;
}

/** A size that may be none at all. */
const diskSetting: Setting<number | undefined> = {
  expected: 'a size such as 500MB or 10GB, or 0',
  fallback: undefined,
  parse: (text) => {
    try {
      return parseSize(text);
    } catch {
      return undefined;
    }
  },
};

const settings = {
  RIVET_URL: textSetting('http://127.0.0.1:7450'),
  RIVET_CA_FILE: textSetting(undefined),
  RIVET_ALLOW_PLAINTEXT: choiceSetting('no', ['no', 'yes']),
  RIVET_RUNNER_NAME: textSetting(undefined),
  RIVET_RUNNER_TOKEN: textSetting(undefined),
  RIVET_RUNNER_TOKEN_FILE: textSetting(undefined),
  RIVET_RUNNER_TAGS: textSetting(''),
  RIVET_RUNNER_CAPACITY: integerSetting(Math.min(availableParallelism(), 1000), 1, 1000),
  RIVET_STATE_DIRECTORY: textSetting(undefined),
  RIVET_DEFAULT_IMAGE: textSetting('docker.io/library/alpine:latest'),
  RIVET_POLICY_FILE: textSetting(undefined),
  RIVET_LOG_LEVEL: choiceSetting<LogLevel>('info', ['debug', 'info', 'warn', 'error', 'silent']),
  RIVET_STOP_GRACE: durationSetting(30_000),
  RIVET_START_DEADLINE: durationSetting(120_000),
  RIVET_DELIVERY_DEADLINE: durationSetting(3_600_000),
  RIVET_ON_TERM: choiceSetting('drain', ['drain', 'handover']),
  RIVET_OUTAGE_MAX: durationSetting(1_800_000),
  RIVET_SPOOL_MAX: sizeSetting(256 * 1024 ** 2),
  RIVET_DISK_MIN: diskSetting,
  RIVET_IMAGE_MAX_AGE: durationSetting(3_600_000),
  RIVET_REPORT_BUNDLING: choiceSetting('on', ['on', 'off']),
  RIVET_WARM_CONTAINERS: integerSetting(-1, 0, 100),
  RIVET_READY_LUA: choiceSetting('on', ['on', 'off']),
  RIVET_EARLY_START: choiceSetting('on', ['on', 'off']),
  RIVET_RUN_AHEAD: choiceSetting('on', ['on', 'off']),
  RIVET_BUNDLE_CACHE: choiceSetting('on', ['on', 'off']),
  RIVET_CONTROL_DIRECTORY: choiceSetting('on', ['on', 'off']),
  RIVET_BUNDLED: choiceSetting('on', ['on', 'off']),
  RIVET_JOB_TIMEOUT: durationSetting(3_600_000),
  RIVET_JOB_LOG_MAX: sizeSetting(100 * 1024 ** 2),
  RIVET_KILL_GRACE: durationSetting(10_000),
  RIVET_CANCEL_GRACE: durationSetting(30_000),
  RIVET_LUA_CPU: durationSetting(10_000),
  RIVET_LUA_MEMORY: sizeSetting(256 * 1024 ** 2),
};

/** Those of the other programs, which may be set for all of them together. */
const OTHER_PROGRAMS =
  /^RIVET_(ALLOWED|ATTEMPT|BATCHING|BOOTSTRAP|CLI|CONFIG|CONTEXT|DATA|DATABASE|DEBUG|LEAN_HEAP|LEASE|LISTEN|MASTER|MIGRATE|NOTIFICATIONS|OIDC|PARTITIONS|PLUGINS|POLL|PREPARED|PUBLIC|RESERVED|RETENTION|RUNNER_CACHE|SECRETS|SETUP|STREAMS|TIMEOUT|TLS|TOKEN|TRUSTED|VAULT)/;

/** One sentence for each variable that looks like ours and is of no program. */
export function settingWarnings(env: Readonly<Record<string, string | undefined>>): string[] {
  const known = Object.keys(settings);
  return unknownVariables(known, env)
    .filter(({ name }) => !OTHER_PROGRAMS.test(name))
    .map(({ name }) => `${name} is no setting of the runner${didYouMean(name, known)}`);
}

/**
 * Reads the settings.
 * @throws RIVET_CONFIG_INVALID naming the variable, its value and what was expected,
 *   RIVET_RUNNER_PLAINTEXT
 */
export function readConfig(env: Readonly<Record<string, string | undefined>>): RunnerConfig {
  const values = readSettings(settings, env);
  return {
    url: readUrl(values.RIVET_URL, values.RIVET_ALLOW_PLAINTEXT === 'yes'),
    caFile: readPath('RIVET_CA_FILE', values.RIVET_CA_FILE),
    name: readName(values.RIVET_RUNNER_NAME),
    registration: {
      token: readSecret(values.RIVET_RUNNER_TOKEN),
      file: readPath('RIVET_RUNNER_TOKEN_FILE', values.RIVET_RUNNER_TOKEN_FILE),
    },
    tags: readTags(values.RIVET_RUNNER_TAGS),
    capacity: values.RIVET_RUNNER_CAPACITY,
    stateDirectory: readStateDirectory(values.RIVET_STATE_DIRECTORY, env),
    defaultImage: values.RIVET_DEFAULT_IMAGE,
    policyFile: readPath('RIVET_POLICY_FILE', values.RIVET_POLICY_FILE),
    logLevel: values.RIVET_LOG_LEVEL,
    stopGraceMs: values.RIVET_STOP_GRACE,
    startDeadlineMs: values.RIVET_START_DEADLINE,
    deliveryDeadlineMs: values.RIVET_DELIVERY_DEADLINE,
    onTerm: values.RIVET_ON_TERM,
    outageMsMax: values.RIVET_OUTAGE_MAX,
    spoolBytesMax: values.RIVET_SPOOL_MAX,
    diskBytesMin: values.RIVET_DISK_MIN,
    imageMsMax: values.RIVET_IMAGE_MAX_AGE,
    reportBundling: values.RIVET_REPORT_BUNDLING === 'on',
    warmContainers:
      values.RIVET_WARM_CONTAINERS < 0
        ? Math.min(values.RIVET_RUNNER_CAPACITY, WARM_CONTAINERS_MAX)
        : values.RIVET_WARM_CONTAINERS,
    readyLua: values.RIVET_READY_LUA === 'on',
    earlyStart: values.RIVET_EARLY_START === 'on',
    runAhead: values.RIVET_RUN_AHEAD === 'on',
    bundleCache: values.RIVET_BUNDLE_CACHE === 'on',
    controlDirectory: values.RIVET_CONTROL_DIRECTORY === 'on',
    bundled: values.RIVET_BUNDLED === 'on',
    limits: {
      lua: { cpuMs: values.RIVET_LUA_CPU, memoryBytes: values.RIVET_LUA_MEMORY },
      logBytesMax: values.RIVET_JOB_LOG_MAX,
      killGraceMs: values.RIVET_KILL_GRACE,
      cancelGraceMs: values.RIVET_CANCEL_GRACE,
      timeoutMs: values.RIVET_JOB_TIMEOUT,
    },
  };
}

function readUrl(text: string, allowPlaintext: boolean): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) {
    throw invalid('RIVET_URL', text, 'an address such as http://127.0.0.1:7450');
  }
  const isLoopback = /^(localhost|.*\.localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname);
  if (url.protocol === 'http:' && !isLoopback && !allowPlaintext) {
    throw RivetError.of('RIVET_RUNNER_PLAINTEXT', { url: url.origin });
  }
  return text.replace(/\/+$/, '');
}

function readName(text: string | undefined): string {
  if (text === undefined) {
    const host = hostname().replaceAll(/[^A-Za-z0-9._-]/g, '-');
    return NAME_PATTERN.test(host) ? host : 'runner';
  }
  if (NAME_PATTERN.test(text)) return text;
  throw invalid(
    'RIVET_RUNNER_NAME',
    text,
    'letters, digits, ".", "_" and "-", beginning with a letter or digit, at most 100',
  );
}

/**
 * The tags every runner has, then the configured ones; a configured tag replaces one of the same
 * key.
 */
function readTags(text: string): RunnerTag[] {
  const tags = new Map([
    ['os', process.platform === 'win32' ? 'windows' : process.platform],
    ['arch', process.arch],
  ]);
  const configured = new Set<string>();
  for (const part of text.split(',').map((piece) => piece.trim())) {
    if (part === '') continue;
    const [key = '', value = ''] = part.split('=', 2).map((piece) => piece.trim());
    if (!TAG_PATTERN.test(part) || configured.has(key)) {
      throw invalid('RIVET_RUNNER_TAGS', text, 'key=value pairs such as "os=linux,gpu=yes"');
    }
    configured.add(key);
    tags.set(key, value);
  }
  if (tags.size > TAGS_MAX) {
    throw invalid('RIVET_RUNNER_TAGS', `${tags.size} tags`, `at most ${TAGS_MAX} tags`);
  }
  return [...tags].map(([key, value]) => ({ key, value }));
}

function readStateDirectory(
  text: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): string {
  if (text !== undefined) {
    if (isAbsolute(text)) return text;
    throw invalid('RIVET_STATE_DIRECTORY', text, 'an absolute path');
  }
  const base = env.XDG_STATE_HOME;
  const state = base !== undefined && isAbsolute(base) ? base : join(homedir(), '.local', 'state');
  return join(state, 'rivet', 'runner');
}

function readPath(key: string, text: string | undefined): string | undefined {
  if (text === undefined || isAbsolute(text)) return text;
  throw invalid(key, text, 'an absolute path');
}

function readSecret(text: string | undefined): SecretText | undefined {
  return text === undefined ? undefined : new SecretText(text);
}

function invalid(key: string, found: string, expected: string): RivetError {
  return RivetError.of('RIVET_CONFIG_INVALID', { key, found: JSON.stringify(found), expected });
}
