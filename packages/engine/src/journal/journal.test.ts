// What a journal gives back, wherever its writer died.
import { appendFile, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RivetError } from '@rivet/base';
import { type HostCall, LuaFunction, type LuaValue } from '@rivet/lua';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findJournal, readJournal } from './journal-reader.ts';
import type { EndRecord } from './journal-record.ts';
import { decodeValue, encodeValue } from './journal-values.ts';
import { continueJournal, createJournal } from './journal-writer.ts';
import { createSeal } from './seal.ts';

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

  it('is gone on with behind its last whole record', async () => {
    writeSome();
    await appendFile(path, 'half a rec');
    const { validBytes, resumed } = await readJournal(path);
    expect(resumed).toBe(0);
    const journal = continueJournal({ path, job: { id: 'job', attempt: 2 } }, validBytes);
    journal.begin(call(3), 5);
    journal.close();
    const after = await readJournal(path);
    expect(after).toMatchObject({ resumed: 1, torn: false, header: { job: 'job' } });
    expect(after.records.at(-1)).toMatchObject({ type: 'begin', sequence: 3 });
  });

  it('is begun anew when its writer died before the header was whole', async () => {
    expect(await findJournal(path)).toBeUndefined();
    await writeFile(path, '1234abcd {"type":"jour');
    expect(await findJournal(path)).toBeUndefined();
    continueJournal({ path, job: { id: 'job', attempt: 2 } }, 0).close();
    expect(await findJournal(path)).toMatchObject({ resumed: 0, header: { attempt: 2 } });
  });

  it('seals an answer with a secret in it, for its call and its key alone', async () => {
    const key = Buffer.alloc(32, 1);
    const redact = (json: unknown): unknown =>
      JSON.stringify(json).includes('secret text') ? { result: ['***'] } : json;
    const options = { path, job: { id: 'job', attempt: 2 }, redact, seal: createSeal(key) };
    const journal = createJournal(options);
    journal.begin(call(1), 0);
    journal.end(call(1), { result: ['secret text'] }, 0);
    journal.end(call(2), { result: ['plain'] }, 0);
    journal.close();
    expect(await readFile(path, 'utf8')).not.toContain('secret text');
    const [, sealed, plain] = (await readJournal(path)).records as EndRecord[];
    expect(plain).not.toHaveProperty('sealed');
    expect(sealed).toMatchObject({ redacted: true, result: ['***'] });
    const text = sealed?.sealed ?? '';
    expect(createSeal(key).open(call(1), text)).toBe('{"result":["secret text"]}');
    expect(createSeal(key).open(call(2), text)).toBeUndefined();
    expect(createSeal(Buffer.alloc(32, 2)).open(call(1), text)).toBeUndefined();
    expect(createSeal(key).open(call(1), 'AAAA')).toBeUndefined();
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
