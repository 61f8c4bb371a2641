// Appends host calls to the journal of an attempt.
import { closeSync, ftruncateSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { describeThrown, RivetError } from '@rivet/base';
import type { HostCall, LuaValue } from '@rivet/lua';
import { sealHidden } from './hidden-values.ts';
import {
  type BeginRecord,
  formatRecord,
  JOURNAL_VERSION,
  type JournalError,
  type JournalRecord,
} from './journal-record.ts';
import { encodeValue } from './journal-values.ts';
import type { Seal } from './seal.ts';

/** How a host call ended. */
type CallEnd = { readonly result: readonly LuaValue[] } | { readonly error: RivetError };

/** An open journal. Records are in the file when a method returns. */
export interface JournalWriter {
  /**
   * @param hidden values that are hidden since the record before
   * @throws RIVET_JOB_JOURNAL_WRITE, like every method that writes
   */
  begin(call: HostCall, lastLine: number, hidden?: readonly string[]): void;
  /** Calls are answered in the order of their end records. */
  end(call: HostCall, end: CallEnd, lastLine: number, hidden?: readonly string[]): void;
  close(): void;
}

export interface JournalOptions {
  readonly path: string;
  readonly job: { readonly id: string; readonly attempt: number };
  /** What it changes is written in its place, and the record says so; changes nothing when absent. */
  readonly redact?: (json: unknown) => unknown;
  /** Seals answers that it changed: without it such a call cannot be answered from the journal. */
  readonly seal?: Seal | undefined;
  /** Milliseconds since 1970; now when absent. */
  readonly startedAtMs?: number;
}

/**
 * Creates the journal, and its directory when it is missing; a file that is there already is an
 * error, for it belongs to another run.
 *
 * Records are written with write(2) and never synced: they survive the death of the runner, which
 * is what a journal is for. A power failure takes the containers along, so a journal of an earlier
 * boot is never used.
 */
export function createJournal(options: JournalOptions): JournalWriter {
  const { path, job, startedAtMs = Date.now() } = options;
  const file = attempt(() => {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    return openSync(path, 'wx', 0o600);
  });
  return writerTo(file, options, {
    type: 'journal',
    version: JOURNAL_VERSION,
    job: job.id,
    attempt: job.attempt,
    t: new Date(startedAtMs).toISOString(),
  });
}

/**
 * Goes on with the journal of a process that is no more, behind its last whole record.
 * @param validBytes 0 when not even its header was whole
 */
export function continueJournal(options: JournalOptions, validBytes: number): JournalWriter {
  if (validBytes === 0) {
    attempt(() => rmSync(options.path, { force: true }));
    return createJournal(options);
  }
  const file = attempt(() => {
    const opened = openSync(options.path, 'r+');
    ftruncateSync(opened, validBytes);
    closeSync(opened);
    return openSync(options.path, 'a');
  });
  return writerTo(file, options, { type: 'resume', t: new Date().toISOString() });
}

function writerTo(
  file: number,
  { redact = (json) => json, seal }: JournalOptions,
  first: JournalRecord,
): JournalWriter {
  const append = (record: JournalRecord): void => {
    const bytes = formatRecord(record);
    attempt(() => {
      for (let from = 0; from < bytes.length; ) from += writeSync(file, bytes, from);
    });
  };
  const redacted = <T extends object>(fields: T): T & { redacted?: true } => {
    const shown = redact(fields) as T;
    return shown === fields ? fields : { ...shown, redacted: true };
  };
  append(first);
  let open = true;
  return {
    begin(call, lastLine, hidden = []) {
      const place = { type: 'begin', branch: call.branch, sequence: call.sequence } as const;
      const record: BeginRecord = {
        ...place,
        name: call.name,
        ...redacted({ args: call.args.map(encodeValue) }),
        ...sealHidden(seal, place, hidden),
        line: lastLine,
        t: new Date().toISOString(),
      };
      append(record);
    },
    end(call, end, lastLine, hidden = []) {
      const answer =
        'result' in end
          ? { result: end.result.map(encodeValue) }
          : { error: errorRecord(end.error) };
      const shown = redacted(answer);
      const sealed = shown.redacted && seal?.close(call, JSON.stringify(answer));
      const place = { type: 'end', branch: call.branch, sequence: call.sequence } as const;
      append({
        ...place,
        ...shown,
        ...(sealed === undefined ? {} : { sealed }),
        ...sealHidden(seal, place, hidden),
        line: lastLine,
        t: new Date().toISOString(),
      });
    },
    close() {
      if (open) closeSync(file);
      open = false;
    },
  };
}

function errorRecord({ code, message, details }: RivetError): JournalError {
  return { code, message, details };
}

function attempt<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw RivetError.of('RIVET_JOB_JOURNAL_WRITE', { reason: describeThrown(error) }, error);
  }
}
