// What a journal gives back, wherever its writer died.
import { appendFile, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RivetError } from '@rivet/base';
import { type HostCall, LuaFunction, type LuaValue } from '@rivet/lua';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readJournal } from './journal-reader.ts';
import { decodeValue, encodeValue } from './journal-values.ts';
import { createJournal } from './journal-writer.ts';

let directory: string;
let path: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rivet-journal-'));
  path = join(directory, 'journal');
});
afterEach(() => rm(directory, { recursive: true, force: true }));

function call(sequence: number, args: LuaValue[] = []): HostCall {
  return { branch: '1-1', sequence, name: 'process.run', args, position: undefined };
}

function writeSome(): void {
  const journal = createJournal({ path, job: { id: 'job', attempt: 2 } });
  journal.begin(call(1, ['x']), 0);
  journal.begin(call(2), 0);
  journal.end(call(2), { result: [42] }, 3);
  journal.end(call(1), { error: RivetError.of('RIVET_JOB_CANCELED', {}) }, 4);
  journal.close();
}

describe('the journal', () => {
  it('gives back the calls in the order in which they began and ended', async () => {
    writeSome();
    const { header, records, torn } = await readJournal(path);
    expect(header).toMatchObject({ version: 2, job: 'job', attempt: 2 });
    expect(torn).toBe(false);
    expect(records.map(({ type, sequence, line }) => [type, sequence, line])).toEqual([
      ['begin', 1, 0],
      ['begin', 2, 0],
      ['end', 2, 3],
      ['end', 1, 4],
    ]);
    expect(records[0]).toMatchObject({ name: 'process.run', args: ['x'] });
    expect(records[2]).toMatchObject({ result: [42] });
    expect(records[3]).toMatchObject({ error: { code: 'RIVET_JOB_CANCELED' } });
  });

  it('ends where its writer died, wherever that was', async () => {
    writeSome();
    const whole = await readFile(path);
    const complete = await readJournal(path);
    const ends = [...whole.entries()].filter(([, byte]) => byte === 10).map(([index]) => index + 1);
    for (let length = ends[0]!; length <= whole.length; length += 1) {
      await truncate(path, length);
      const { records, validBytes, torn } = await readJournal(path);
      const kept = ends.filter((end) => end <= length);
      expect(records).toEqual(complete.records.slice(0, kept.length - 1));
      expect([validBytes, torn]).toEqual([kept.at(-1), kept.at(-1) !== length]);
      await writeFile(path, whole);
    }
  });

  it('ends at the first record whose checksum is wrong', async () => {
    writeSome();
    const bytes = await readFile(path);
    const second = bytes.indexOf(10) + 20;
    bytes[second] = bytes[second]! ^ 1;
    await writeFile(path, bytes);
    expect(await readJournal(path)).toMatchObject({ records: [], torn: true });
  });

  it('is refused when it has no header', async () => {
    await writeFile(path, 'anything\n');
    await expect(readJournal(path)).rejects.toMatchObject({ code: 'RIVET_JOB_JOURNAL_INVALID' });
  });

  it('is refused when a later version wrote it', async () => {
    const { formatRecord } = await import('./journal-record.ts');
    await appendFile(
      path,
      formatRecord({ type: 'journal', version: 3, job: 'j', attempt: 1, t: '' }),
    );
    await expect(readJournal(path)).rejects.toThrow('it is of version 3; this is version 2');
  });

  it('is never begun over one that is there', () => {
    writeSome();
    expect(() => createJournal({ path, job: { id: 'job', attempt: 2 } })).toThrow(
      expect.objectContaining({ code: 'RIVET_JOB_JOURNAL_WRITE' }),
    );
  });
});

describe('values of the journal', () => {
  const value = fc.letrec<{ value: LuaValue }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.constant(null),
      fc.boolean(),
      fc.double(),
      fc.string(),
      fc.uint8Array(),
      fc.constant(new LuaFunction(7, { file: 'pipeline.lua', line: 3 })),
      fc.array(tie('value')),
      fc.dictionary(
        fc.oneof(fc.string(), fc.constantFrom('$', '__proto__', 'constructor')),
        tie('value'),
        {
          noNullPrototype: false,
        },
      ),
    ),
  })).value;

  it('come back as they were', () => {
    fc.assert(
      fc.property(value, (original) => {
        const back = decodeValue(JSON.parse(JSON.stringify(encodeValue(original))));
        expect(normal(back)).toStrictEqual(normal(original));
      }),
    );
  });

  /** Entries in place of records, so that prototypes play no part. */
  function normal(each: LuaValue): unknown {
    if (each === null || typeof each !== 'object') return each;
    if (each instanceof Uint8Array) return [...each];
    if (each instanceof LuaFunction) return ['function', each.id, each.position];
    if (Array.isArray(each)) return each.map(normal);
    return new Map(Object.entries(each).map(([key, entry]) => [key, normal(entry)]));
  }
});
