// Leads a script that is run again through the journal of its first run, in the order of that.
//
// Lua is deterministic between host calls, so a script that is given the same answers in the same
// order makes the same calls. An answer has its turn when every record before it was met: the calls
// that had begun by then have begun again, the answers that were given by then were given again.
import { RivetError } from '@rivet/base';
import type { HostCall } from '@rivet/lua';
import type { BeginRecord, EndRecord } from './journal-record.ts';
import { encodeValue } from './journal-values.ts';

/** How long the script may take from one call to the next that the journal has, in milliseconds. */
const STALL_MS = 120_000;

/** What the journal has of a call. */
export interface RecordedCall {
  readonly begin: BeginRecord;
  /** Undefined when its process died before the call ended. */
  readonly end: EndRecord | undefined;
}

export interface Replay {
  /**
   * What the journal has of a call that the script makes; undefined when it goes beyond.
   * @throws RIVET_JOB_REPLAY_DIVERGED, also for every later call that the journal has
   */
  meet(call: HostCall): RecordedCall | undefined;
  /** Does something when it is the turn of the call's answer; one is done after the other. */
  inTurn<T>(call: HostCall, action: () => Promise<T>): Promise<T>;
  /** Resolves when everything in the journal was met, or the script has gone another way. */
  readonly over: Promise<void>;
  /** When the branch made its first call, in milliseconds since 1970; undefined when it made none. */
  beganAt(branch: string): number | undefined;
}

/** @param onDiverged called once, when the script goes another way than in its first run */
export function createReplay(
  records: readonly (BeginRecord | EndRecord)[],
  onDiverged: (error: RivetError) => void,
): Replay {
  const calls = new Map<string, { begin: BeginRecord; end: EndRecord | undefined }>();
  const beginnings = new Map<string, number>();
  for (const record of records) {
    if (record.type === 'begin') {
      calls.set(keyOf(record), { begin: record, end: undefined });
      const { branch } = record;
      if (!beginnings.has(branch)) beginnings.set(branch, Date.parse(record.t));
    } else {
      const call = calls.get(keyOf(record));
      if (call !== undefined) call.end = record;
    }
  }
  const met = new Set<string>();
  const turns = new Map<string, PromiseWithResolvers<void>>();
  const over = Promise.withResolvers<void>();
  let at = 0;
  let busy = false;
  let failure: RivetError | undefined;
  let stall: NodeJS.Timeout | undefined;

  const fail = (error: RivetError): RivetError => {
    if (failure !== undefined) return failure;
    failure = error;
    clearTimeout(stall);
    for (const turn of turns.values()) turn.reject(error);
    over.resolve();
    onDiverged(error);
    return error;
  };
  const awaitNext = (next: BeginRecord | EndRecord): void => {
    clearTimeout(stall);
    const call = describe(calls.get(keyOf(next))?.begin ?? next);
    const wait = (): void => void fail(diverged(call, 'nothing'));
    stall = setTimeout(wait, STALL_MS).unref();
  };
  const goOn = (): void => {
    while (!busy && failure === undefined) {
      const record = records[at];
      if (record === undefined) {
        clearTimeout(stall);
        over.resolve();
        return;
      }
      const key = keyOf(record);
      const turn = turns.get(key);
      if (record.type === 'begin' ? !met.has(key) : turn === undefined) {
        awaitNext(record);
        return;
      }
      at += 1;
      if (record.type === 'begin') continue;
      busy = true;
      turns.delete(key);
      turn?.resolve();
    }
  };
  goOn();

  return {
    over: over.promise,
    beganAt: (branch) => beginnings.get(branch),
    meet(call) {
      const recorded = calls.get(keyOf(call));
      if (recorded === undefined) return undefined;
      if (failure !== undefined) throw failure;
      const { begin } = recorded;
      if (begin.name !== call.name) throw fail(diverged(describe(begin), call.name));
      if (begin.redacted !== true && shown(begin.args) !== shown(call.args.map(encodeValue))) {
        throw fail(diverged(describe(begin), `${call.name} with other arguments`));
      }
      met.add(keyOf(call));
      goOn();
      return recorded;
    },
    async inTurn(call, action) {
      if (failure !== undefined) throw failure;
      const turn = Promise.withResolvers<void>();
      turns.set(keyOf(call), turn);
      goOn();
      await turn.promise;
      try {
        return await action();
      } finally {
        busy = false;
        // Not before whoever asked has the answer.
        setImmediate(goOn);
      }
    },
  };
}

function keyOf({ branch, sequence }: Pick<HostCall, 'branch' | 'sequence'>): string {
  return `${branch}#${sequence}`;
}

function describe(record: BeginRecord | EndRecord): string {
  const name = record.type === 'begin' ? record.name : 'a call';
  return `${name} (call ${record.sequence} of branch ${record.branch})`;
}

function diverged(call: string, found: string): RivetError {
  return RivetError.of('RIVET_JOB_REPLAY_DIVERGED', { call, found });
}

/** Arguments without what differs from process to process: handles of secrets, ids of functions. */
function shown(args: readonly unknown[]): string {
  return JSON.stringify(args, function (this: unknown, key: string, value: unknown) {
    const isOwn = key === 'id' && (this as { $?: unknown }).$ === 'function';
    return key === '$secret' || isOwn ? 0 : value;
  });
}
