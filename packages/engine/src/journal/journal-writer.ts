// Appends host calls to the journal of an attempt.
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { describeThrown, RivetError } from '@rivet/base';
import type { HostCall, LuaValue } from '@rivet/lua';
import {
  type BeginRecord,
  formatRecord,
  JOURNAL_VERSION,
  type JournalError,
  type JournalHeader,
  type JournalRecord,
} from './journal-record.ts';
import { encodeValue } from './journal-values.ts';

/** How a host call ended. */
type CallEnd = { readonly result: readonly LuaValue[] } | { readonly error: RivetError };

/** An open journal. Records are in the file when a method returns. */
export interface JournalWriter {
  /** @throws RIVET_JOB_JOURNAL_WRITE, like every method that writes */
  begin(call: HostCall, lastLine: number): void;
  /** Calls are answered in the order of their end records. */
  end(call: HostCall, end: CallEnd, lastLine: number): void;
  close(): void;
}

/**
 * Creates the journal, and its directory when it is missing; a file that is there already is an
 * error, for it belongs to another run.
 *
 * What `redact` changes is written in its place, and the record says so: a call whose answer is not
 * there in full cannot be answered from the journal.
 *
 * Records are written with write(2) and never synced: they survive the death of the runner, which
 * is what a journal is for. A power failure takes the containers along, so a journal of an earlier
 * boot is never used.
 */
export function createJournal(
  path: string,
  job: { readonly id: string; readonly attempt: number },
  redact: (json: unknown) => unknown = (json) => json,
): JournalWriter {
  const file = attempt(() => {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    return openSync(path, 'wx', 0o600);
  });
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
  const header: JournalHeader = {
    type: 'journal',
    version: JOURNAL_VERSION,
    job: job.id,
    attempt: job.attempt,
    t: new Date().toISOString(),
  };
  append(header);
  let open = true;
  return {
    begin(call, lastLine) {
      const record: BeginRecord = {
        type: 'begin',
        branch: call.branch,
        sequence: call.sequence,
        name: call.name,
        ...redacted({ args: call.args.map(encodeValue) }),
        line: lastLine,
        t: new Date().toISOString(),
      };
      append(record);
    },
    end(call, end, lastLine) {
      append({
        type: 'end',
        branch: call.branch,
        sequence: call.sequence,
        ...('result' in end
          ? redacted({ result: end.result.map(encodeValue) })
          : redacted({ error: errorRecord(end.error) })),
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
