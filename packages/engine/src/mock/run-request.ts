// What `p:run` of a test asks for, read from Lua.
import { parseDuration } from '@rivet/base';
import { asRecord, LuaFunction, type LuaRecord, type LuaValue } from '@rivet/lua';
import { type LaunchEvent, launchEvents } from '@rivet/protocol';
import {
  anyValue,
  choice,
  duration,
  type OptionsOf,
  options,
  type Place,
  type Reader,
  text,
  wrongValue,
} from '../value-readers.ts';

const PLACE = { function: 'p:run', path: '' } as const;

const inputs: Reader<LuaRecord> = {
  expected: 'a table of input values',
  read(value, place) {
    const record = asRecord(value);
    if (record === undefined) throw wrongValue(value, this.expected, place);
    return record;
  },
};

/** The options of `p:run`, which stubs/test.lua describes. */
export const runOptions = options({
  inputs,
  stage: text,
  source: choice('none', 'tree', 'git'),
  launched_by: text,
  event: choice(...launchEvents),
  cancel_after: duration,
});

export interface RunRequest {
  readonly path: string;
  readonly options: OptionsOf<{
    inputs: Reader<LuaRecord>;
    stage: Reader<string>;
    source: Reader<'none' | 'tree' | 'git'>;
    launched_by: Reader<string>;
    event: Reader<LaunchEvent>;
    cancel_after: Reader<number>;
  }>;
  /** Content by path in the workspace. */
  readonly files: ReadonlyMap<string, string | Uint8Array>;
  /** Values by name. */
  readonly secrets: ReadonlyMap<string, string>;
  /** Milliseconds since 1970. */
  readonly startMs: number;
  /** Says what answers a command or a request. */
  readonly answer: LuaFunction;
}

/** Every run begins then, unless the test says otherwise, so that two runs are alike. */
const START = '2026-01-01T00:00:00Z';

/** @throws RIVET_CALL_ARGUMENT, RIVET_CALL_OPTION_UNKNOWN */
export function readRunRequest(value: LuaValue | undefined): RunRequest {
  const record = asRecord(value);
  if (record === undefined) throw wrongValue(value ?? null, 'a table of options', PLACE);
  const { answer, path } = record;
  if (!(answer instanceof LuaFunction) || typeof path !== 'string') {
    throw new Error('the module test asked for a run without its parts');
  }
  return {
    path,
    options: runOptions.read(record.options ?? [], PLACE),
    files: contents(record.files),
    secrets: texts(record.secrets),
    startMs: readTime(record.time ?? START),
    answer,
  };
}

function contents(value: LuaValue | undefined): Map<string, string | Uint8Array> {
  const entries = Object.entries(asRecord(value) ?? {});
  return new Map(
    entries.map(([path, content]) => [
      path,
      content instanceof Uint8Array ? content : String(content),
    ]),
  );
}

function texts(value: LuaValue | undefined): Map<string, string> {
  const entries = Object.entries(asRecord(value) ?? {});
  return new Map(entries.map(([name, secret]) => [name, String(secret)]));
}

function readTime(value: LuaValue): number {
  const place: Place = { function: 'mock.time', path: 'time' };
  const ms =
    typeof value === 'number' ? value * 1000 : Date.parse(String(anyValue.read(value, place)));
  if (Number.isFinite(ms) && ms >= 0 && ms < 253_402_300_800_000) return ms;
  throw wrongValue(value, 'seconds since 1970, or text such as "2026-01-31T08:00:00Z"', place);
}

/** How a mock of a command answers; see stubs/test.lua. */
export interface CommandReply {
  readonly exitCode: number;
  readonly stdout: string | Uint8Array;
  readonly stderr: string | Uint8Array;
  /** Milliseconds; Infinity until it is stopped. */
  readonly durationMs: number;
  readonly missing: boolean;
  readonly files: ReadonlyMap<string, string | Uint8Array>;
}

/** @param mock what is named when a value is wrong */
export function readCommandReply(value: LuaValue, mock: string): CommandReply {
  const record = asRecord(value) ?? {};
  const wrong = (path: string, expected: string): Error =>
    wrongValue(record[path] ?? null, expected, { function: mock, path });
  const output = (path: string): string | Uint8Array => {
    const given = record[path] ?? '';
    if (typeof given === 'string' || given instanceof Uint8Array) return given;
    throw wrong(path, 'a text');
  };
  const exitCode = record.exit_code ?? 0;
  if (
    typeof exitCode !== 'number' ||
    !Number.isInteger(exitCode) ||
    exitCode < 0 ||
    exitCode > 255
  ) {
    throw wrong('exit_code', 'a whole number from 0 to 255');
  }
  return {
    exitCode,
    stdout: output('stdout'),
    stderr: output('stderr'),
    durationMs:
      record.hangs === true ? Number.POSITIVE_INFINITY : durationMs(record.duration, wrong),
    missing: record.missing === true,
    files: contents(record.files),
  };
}

function durationMs(
  value: LuaValue | undefined,
  wrong: (path: string, expected: string) => Error,
): number {
  if (value === undefined || value === null) return 0;
  try {
    return parseDuration(value);
  } catch {
    throw wrong('duration', 'seconds or text such as "90s" or "5m"');
  }
}
