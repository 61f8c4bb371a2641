// What a check of the chain finds: every change of a row, every row that is gone, put in or moved.
import { createSecretKey, type KeyObject, randomBytes, randomUUID } from 'node:crypto';
import type { AuditFinding } from '@rivet/protocol';
import type { AuditContent, AuditHead, AuditRow } from '@rivet/store';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createAuditKeys } from './audit-keys.ts';
import { chainOrigin, checkEnd, checkKept, checkReach, checkRow } from './verify-chain.ts';

/** A key source that always gives the same new key. */
function newKey(): () => KeyObject {
  const key = createSecretKey(randomBytes(32));
  return () => key;
}

const keys = createAuditKeys(newKey());

function content(name: string): AuditContent {
  return {
    id: randomUUID(),
    actor_kind: 'person',
    actor_id: 'u-1',
    actor_name: 'ada',
    via_kind: 'session',
    via_id: 's-1',
    action: 'pipeline.delete',
    object_kind: 'pipeline',
    object_id: 'p-1',
    object_name: name,
    address: '192.0.2.1',
    request_id: 'r-1',
    details: '{"n":1}',
  };
}

function chainOf(length: number, by = keys): { rows: AuditRow[]; head: AuditHead } {
  let link = by.origin();
  const rows = Array.from({ length }, (_, index): AuditRow => {
    const said = content(`p${index}`);
    const at = new Date(1_700_000_000_000 + index);
    const timed = { ...said, at, at_us: `${at.getTime()}001`, mac: by.rowMac(said) };
    const position = String(index + 1);
    link = by.link(link, timed, position);
    return { ...timed, position, link };
  });
  const end = { position: String(length), link };
  return { rows, head: { ...end, mac: by.headMac(end) } };
}

function verify(rows: readonly AuditRow[], head: AuditHead | undefined): AuditFinding[] {
  let place = chainOrigin(keys);
  const findings = rows.flatMap((row) => {
    const looked = checkRow(keys, place, row);
    place = looked.place;
    return looked.findings;
  });
  return [...findings, ...checkEnd(keys, place, head, head)];
}

const brief = (findings: readonly AuditFinding[]) =>
  findings.map(({ kind, position }) => [kind, position]);

/** The rows with the one at `index` changed. */
function withRow(rows: readonly AuditRow[], index: number, change: Partial<AuditRow>): AuditRow[] {
  return rows.map((row, at) => (at === index ? { ...row, ...change } : row));
}

describe('a chain that nobody touched', () => {
  it.each([0, 1, 2, 50])('of %i rows has nothing to find', (length) => {
    const { rows, head } = chainOf(length);
    expect(verify(rows, head)).toEqual([]);
  });
});

describe('a row that was changed', () => {
  const { rows, head } = chainOf(9);
  const texts = Object.keys(content('')) as (keyof AuditContent)[];

  it.each(texts)('in %s is named, and no other row is', (field) => {
    const changed = withRow(rows, 4, { [field]: `${rows[4]?.[field]}x` });
    expect(brief(verify(changed, head))).toEqual([['changed', 5]]);
  });

  it('in its time is named', () => {
    const changed = withRow(rows, 4, { at_us: '1' });
    expect(brief(verify(changed, head))).toEqual([['moved', 5]]);
  });

  it('in its hash or its link is named', () => {
    expect(brief(verify(withRow(rows, 4, { mac: randomBytes(32) }), head))).toEqual([
      ['changed', 5],
    ]);
    expect(brief(verify(withRow(rows, 4, { link: randomBytes(32) }), head))).toEqual([
      ['moved', 5],
    ]);
  });

  it('with text moved from one column to the next is named', () => {
    const row = rows[4]!;
    const shifted = { actor_id: `${row.actor_id}a`, actor_name: row.actor_name.slice(1) };
    expect(brief(verify(withRow(rows, 4, shifted), head))).toEqual([['changed', 5]]);
  });

  it('and authenticated with another key is named', () => {
    const forger = createAuditKeys(newKey());
    const { rows: forged } = chainOf(9, forger);
    const mixed = [...rows.slice(0, 4), forged[4]!, ...rows.slice(5)];
    expect(brief(verify(mixed, head))[0]).toEqual(['changed', 5]);
  });
});

describe('rows that are not where they were', () => {
  const { rows, head } = chainOf(9);

  it('are missed by their places', () => {
    const gone = rows.filter((_, index) => index !== 3 && index !== 4);
    const findings = verify(gone, head);
    expect(brief(findings)).toEqual([['missing', 4]]);
    expect(findings[0]?.message).toBe('the rows 4 to 5 are missing');
  });

  it('are missed at the beginning', () => {
    expect(brief(verify(rows.slice(2), head))).toEqual([['missing', 1]]);
  });

  it('are missed at the end', () => {
    const findings = verify(rows.slice(0, 6), head);
    expect(findings.map(({ message }) => message)).toEqual(['the rows 7 to 9 are missing']);
  });

  it('are noticed when those after them were given their places', () => {
    const renumbered = rows
      .filter((_, index) => index !== 4)
      .map((row, index) => ({ ...row, position: String(index + 1) }));
    expect(brief(verify(renumbered, head))[0]).toEqual(['moved', 5]);
  });

  it('are noticed when two changed places, with their links or without', () => {
    const [one, other] = [rows[3]!, rows[6]!];
    const swapped = withRow(withRow(rows, 3, { ...other, position: '4' }), 6, {
      ...one,
      position: '7',
    });
    expect(brief(verify(swapped, head)).slice(0, 1)).toEqual([['moved', 4]]);
    const withLinks = withRow(withRow(rows, 3, { ...other, position: '4', link: one.link }), 6, {
      ...one,
      position: '7',
      link: other.link,
    });
    expect(brief(verify(withLinks, head)).slice(0, 1)).toEqual([['moved', 4]]);
  });

  it('are noticed when one was put in at the end', () => {
    const copy = { ...rows[2]!, id: randomUUID(), position: '10' };
    expect(brief(verify([...rows, copy], head))).toEqual([
      ['changed', 10],
      ['head', null],
    ]);
  });
});

describe('the end of the chain', () => {
  const { rows, head } = chainOf(5);

  it('is missed', () => {
    expect(brief(verify(rows, undefined))).toEqual([['head', null]]);
  });

  it('cannot be written by somebody else', () => {
    const forged = { ...head, position: '4', link: rows[3]?.link ?? head.link };
    expect(brief(verify(rows.slice(0, 4), forged))).toEqual([['head', null]]);
  });

  it('that was put back is noticed where it was kept elsewhere', () => {
    const old = chainOf(3);
    expect(verify(old.rows, old.head)).toEqual([]);
    let place = chainOrigin(keys);
    const kept = { position: 3n, link: head.link };
    const found = old.rows.flatMap((row) => {
      place = checkRow(keys, place, row).place;
      return checkKept(kept, place);
    });
    expect(brief(found)).toEqual([['head', null]]);
    expect(brief(checkReach({ position: 5n, link: head.link }, place))).toEqual([['missing', 4]]);
    expect(checkReach({ position: 3n, link: head.link }, place)).toEqual([]);
  });
});

it('finds whatever was done to any rows', () => {
  const { rows, head } = chainOf(12);
  const done = (act: (rows: AuditRow[], index: number) => AuditRow[]) => act;
  const acts = [
    done((all, index) => all.filter((_, at) => at !== index)),
    done((all, index) => withRow(all, index, { object_name: 'other' })),
    done((all, index) => withRow(all, index, { at_us: '1' })),
    done((all, index) => withRow(all, index, { mac: randomBytes(32) })),
    done((all, index) => withRow(all, index, { link: randomBytes(32) })),
    done((all, index) =>
      withRow(all, index, { mac: randomBytes(32), link: randomBytes(32), details: '{}' }),
    ),
    done((all, index) => all.slice(0, index)),
    done((all, index) => all.slice(index + 1)),
  ];
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.constantFrom(...acts), fc.nat(4)), { minLength: 1, maxLength: 3 }),
      (sequence) => {
        const touched = sequence.reduce((all, [act, index]) => act(all, index), rows);
        expect(verify(touched, head)).not.toEqual([]);
      },
    ),
  );
});
