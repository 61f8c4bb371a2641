// What a script asks of a command, checked and with the defaults filled in.
import { posix } from 'node:path';
import { DURATION_MS_MAX, RivetError, SecretText } from '@rivet/base';
import type { LuaValue } from '@rivet/lua';
import type { LogLineLevel } from '@rivet/protocol';
import { cpusLimit, memoryLimit, pidsLimit, type ResourceLimits } from '../policy/limits.ts';
import {
  argument,
  boolean,
  bytesOrSecret,
  choice,
  duration,
  environmentWithSecrets,
  listOf,
  type OptionsOf,
  options,
  text,
  wrongValue,
} from '../value-readers.ts';

const level = choice('debug', 'info', 'warning', 'error');

const spawnSchema = {
  env: environmentWithSecrets,
  cwd: text,
  stdin: bytesOrSecret,
  stdout_level: level,
  stderr_level: level,
  limits: options({
    memory: memoryLimit,
    cpus: cpusLimit,
    pids: pidsLimit,
  }),
  readonly: boolean,
} as const;

const shSchema = {
  ...spawnSchema,
  timeout: duration,
  check: boolean,
  capture_stdout: choice<boolean | 'both'>(true, false, 'both'),
  capture_stderr: choice<boolean | 'both'>(true, false, 'both'),
} as const;

const programSchema = { cmd: text, args: listOf(argument) } as const;

const COMMAND =
  'a list such as { "make", "test" } or a table of options; process.sh takes the text of a script';
export const shOptions = options(shSchema);
export const runOptions = options({ ...programSchema, ...shSchema }, COMMAND);
export const spawnOptions = options({ ...programSchema, ...spawnSchema }, COMMAND);

type Capture = boolean | 'both';

/** A command as it is started. */
export interface CommandRequest {
  readonly argv: readonly string[];
  /** As a person would type it; for logs and messages. */
  readonly shown: string;
  readonly env: Readonly<Record<string, string>>;
  /** Absolute, in /workspace. */
  readonly cwd: string;
  readonly stdin: Uint8Array | undefined;
  readonly timeoutMs: number | undefined;
  /** Its own, besides those of its container. */
  readonly limits: ResourceLimits;
  /** Whether it can only read /workspace. */
  readonly readonly: boolean;
  readonly check: boolean;
  /** Whether it runs beside the script. */
  readonly detached: boolean;
  readonly capture: { readonly stdout: Capture; readonly stderr: Capture };
  readonly levels: { readonly stdout: LogLineLevel; readonly stderr: LogLineLevel };
}

export const WORKSPACE = '/workspace';

type Common = OptionsOf<typeof shSchema>;

/** @throws RIVET_PROCESS_CWD_OUTSIDE */
export function commandRequest(
  name: string,
  argv: readonly string[],
  given: Common,
  defaults: { readonly check: boolean; readonly detached?: boolean; readonly shown?: string },
): CommandRequest {
  return {
    argv,
    shown: defaults.shown ?? showCommand(argv),
    env: revealAll(given.env ?? {}),
    cwd: insideWorkspace(name, given.cwd ?? '.'),
    stdin: inputBytes(given.stdin),
    timeoutMs: given.timeout === undefined ? undefined : Math.min(given.timeout, DURATION_MS_MAX),
    limits: given.limits ?? {},
    readonly: given.readonly ?? false,
    check: given.check ?? defaults.check,
    detached: defaults.detached ?? false,
    capture: { stdout: given.capture_stdout ?? false, stderr: given.capture_stderr ?? false },
    levels: { stdout: given.stdout_level ?? 'info', stderr: given.stderr_level ?? 'error' },
  };
}

/**
 * The argument vector of `{ "make", "test" }` (`list`) or of `{ cmd = "make", args = {…} }`.
 * @throws RIVET_CALL_ARGUMENT when there is no program, or two
 */
export function programArguments(
  name: string,
  list: readonly string[] | undefined,
  given: { readonly cmd?: string; readonly args?: readonly string[] },
): string[] {
  const place = { function: name, path: 'cmd' };
  if (list !== undefined && (given.cmd !== undefined || given.args !== undefined)) {
    const found: LuaValue = given.cmd ?? [...(given.args ?? [])];
    const path = given.cmd === undefined ? 'args' : 'cmd';
    throw wrongValue(found, 'nothing, as the command is given as a list', { ...place, path });
  }
  const argv = list === undefined ? [given.cmd ?? '', ...(given.args ?? [])] : [...list];
  if ((argv[0] ?? '') === '') {
    throw wrongValue(given.cmd ?? null, 'the program to run, such as "make"', place);
  }
  return argv;
}

/** From here on the text of secrets is needed; logs redact it. */
export function revealAll(
  env: Readonly<Record<string, string | SecretText>>,
): Readonly<Record<string, string>> {
  const plain: Record<string, string> = Object.create(null);
  for (const [name, value] of Object.entries(env)) {
    plain[name] = value instanceof SecretText ? value.reveal() : value;
  }
  return plain;
}

function inputBytes(stdin: string | Uint8Array | SecretText | undefined): Uint8Array | undefined {
  const plain = stdin instanceof SecretText ? stdin.reveal() : stdin;
  return typeof plain === 'string' ? Buffer.from(plain) : plain;
}

function insideWorkspace(name: string, cwd: string): string {
  const path = posix.resolve(WORKSPACE, cwd);
  if (path === WORKSPACE || path.startsWith(`${WORKSPACE}/`)) return path;
  throw RivetError.of('RIVET_PROCESS_CWD_OUTSIDE', { function: name, found: JSON.stringify(cwd) });
}

/** A script by its first line. */
export function showScript(script: string): string {
  const [first = '', ...more] = script.trim().split('\n');
  const line = first.length > SHOWN_LENGTH_MAX ? first.slice(0, SHOWN_LENGTH_MAX) : first.trim();
  return line.length < first.length || more.length > 0 ? `${line} …` : line;
}

const SHOWN_LENGTH_MAX = 300;
const NEEDS_NO_QUOTES = /^[\w@%+=:,./-]+$/;

/** A command as a person would type it. */
export function showCommand(argv: readonly string[]): string {
  const line = argv
    .map((arg) => (NEEDS_NO_QUOTES.test(arg) ? arg : `'${arg.replaceAll("'", "'\\''")}'`))
    .join(' ')
    .replaceAll('\n', '\\n');
  return line.length > SHOWN_LENGTH_MAX ? `${line.slice(0, SHOWN_LENGTH_MAX)}…` : line;
}
