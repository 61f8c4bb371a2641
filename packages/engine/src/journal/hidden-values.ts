// The values that a process was given and hid, for the next one: it may be given others, and what
// an earlier command was given still lies in the workspace, or is printed by one that goes on.
import type { BeginRecord, EndRecord } from './journal-record.ts';
import type { Seal } from './seal.ts';

type Place = Pick<BeginRecord | EndRecord, 'type' | 'branch' | 'sequence'>;

/** Apart from the answer of the same call, which is sealed too. */
function placeOf({ type, branch, sequence }: Place): { branch: string; sequence: number } {
  return { branch: `${branch} hidden by ${type}`, sequence };
}

/** What stands in the record of `place` for the values; nothing where there are none, or no key. */
export function sealHidden(
  seal: Seal | undefined,
  place: Place,
  values: readonly string[],
): { readonly hidden?: string } {
  if (seal === undefined || values.length === 0) return {};
  return { hidden: seal.close(placeOf(place), JSON.stringify(values)) };
}

/** The values in a record; undefined when their key is gone. */
export function openHidden(
  seal: Seal | undefined,
  record: BeginRecord | EndRecord,
): readonly string[] | undefined {
  if (record.hidden === undefined) return [];
  const text = seal?.open(placeOf(record), record.hidden);
  return text === undefined ? undefined : (JSON.parse(text) as string[]);
}
