// Sealing: what opens, what does not, and that a rotation changes only the wrapping.
import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { RivetError } from '@rivet/base';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { masterKeyOf, parseMasterKey } from './master-key.ts';
import { createSealer, type Sealed } from './sealer.ts';

const first = masterKeyOf(randomBytes(32));
const second = masterKeyOf(randomBytes(32));
const root = randomBytes(32);
const sealer = createSealer({ current: first }, root);
const CONTEXT = ['secret', '', 'TOKEN', '1'];
const plain = Buffer.from('value of the secret');

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return error instanceof RivetError ? error.code : String(error);
  }
  return 'opened';
}

describe('a sealed value', () => {
  it('opens with its context, whatever its bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.array(fc.string()), (bytes, context) => {
        const value = Buffer.from(bytes);
        expect(sealer.open(sealer.seal(value, context), context)).toEqual(value);
      }),
    );
  });

  it('is different each time and holds nothing of the value', () => {
    const [one, two] = [sealer.seal(plain, CONTEXT), sealer.seal(plain, CONTEXT)];
    expect(one.box.equals(two.box)).toBe(false);
    expect(one.wrappedKey.equals(two.wrappedKey)).toBe(false);
    expect(one.box.includes(plain)).toBe(false);
  });

  it('does not open with any other context', () => {
    const sealed = sealer.seal(plain, CONTEXT);
    const others = [
      ['secret', '', 'OTHER', '1'],
      ['secret', '', 'TOKEN', '2'],
      ['secret', 'deploy', 'TOKEN', '1'],
      ['signing key', '', 'TOKEN', '1'],
      ['secret', 'T', 'OKEN', '1'],
      ['secret', '', 'TOKEN'],
      ['secret', '', 'TOKEN', '1', ''],
      [],
    ];
    for (const context of others) {
      expect(codeOf(() => sealer.open(sealed, context))).toBe('RIVET_SECRET_SEAL_BROKEN');
    }
  });

  it('does not open with a byte of it changed or missing, wherever it is', () => {
    const sealed = sealer.seal(plain, CONTEXT);
    for (const part of ['box', 'wrappedKey'] as const) {
      for (let index = 0; index < sealed[part].length; index += 1) {
        const changed = Buffer.from(sealed[part]);
        changed[index]! ^= 1;
        const broken: Sealed = { ...sealed, [part]: changed };
        expect(codeOf(() => sealer.open(broken, CONTEXT))).toBe('RIVET_SECRET_SEAL_BROKEN');
        const short: Sealed = { ...sealed, [part]: sealed[part].subarray(0, index) };
        expect(codeOf(() => sealer.open(short, CONTEXT))).toBe('RIVET_SECRET_SEAL_BROKEN');
      }
    }
  });

  it('does not open with the key of another value', () => {
    const [one, two] = [sealer.seal(plain, CONTEXT), sealer.seal(plain, CONTEXT)];
    const mixed = { ...one, wrappedKey: two.wrappedKey };
    expect(codeOf(() => sealer.open(mixed, CONTEXT))).toBe('RIVET_SECRET_SEAL_BROKEN');
  });

  it('does not open with another master key, nor with its id forged', () => {
    const sealed = sealer.seal(plain, CONTEXT);
    const other = createSealer({ current: second }, root);
    expect(codeOf(() => other.open(sealed, CONTEXT))).toBe('RIVET_MASTER_KEY_UNKNOWN');
    const forged = { ...sealed, keyId: second.id };
    expect(codeOf(() => other.open(forged, CONTEXT))).toBe('RIVET_SECRET_SEAL_BROKEN');
  });

  it('opens with both keys while they are exchanged, and after it was wrapped anew with one', () => {
    const old = sealer.seal(plain, CONTEXT);
    const both = createSealer({ current: second, other: first }, root);
    expect(both.open(old, CONTEXT)).toEqual(plain);
    const fresh = both.rewrap(old);
    expect(fresh).toMatchObject({ keyId: second.id, box: old.box });
    expect(both.rewrap(fresh)).toBe(fresh);
    const after = createSealer({ current: second }, root);
    expect(after.open(fresh, CONTEXT)).toEqual(plain);
    expect(codeOf(() => after.rewrap(old))).toBe('RIVET_MASTER_KEY_UNKNOWN');
    expect([both.otherKeyId, after.otherKeyId]).toEqual([first.id, undefined]);
  });
});

it('derives a key for each purpose, which a rotation does not change', () => {
  const rotated = createSealer({ current: second }, root);
  const macs = [
    rotated.mac('audit'),
    rotated.mac('cookies'),
    createSealer({ current: first }, randomBytes(32)).mac('audit'),
  ];
  expect(macs.map((key) => key.equals(sealer.mac('audit')))).toEqual([true, false, false]);
});

describe('a master key', () => {
  const bytes = randomBytes(32);
  const text = bytes.toString('base64');

  it('is read from base64 and base64url, with a newline after it', () => {
    const ids = [text, `${text}\n`, bytes.toString('base64url')].map(
      (given) => parseMasterKey(given, 'X').id,
    );
    expect(new Set(ids).size).toBe(1);
    expect(ids[0]).toMatch(/^[0-9a-f]{16}$/);
  });

  it.each([
    ['', 'nothing'],
    ['correct horse', 'something that is not base64'],
    [randomBytes(16).toString('base64'), '16 bytes'],
    [randomBytes(32).toString('hex'), '48 bytes'],
    [Buffer.alloc(32).toString('base64'), 'bytes that are not random'],
    [Buffer.from('0123'.repeat(8)).toString('base64'), 'bytes that are not random'],
  ])('is not %j, and the error does not repeat it', (given, found) => {
    const error = (() => {
      try {
        parseMasterKey(given, 'RIVET_MASTER_KEY');
      } catch (thrown) {
        return thrown as RivetError;
      }
      throw new Error('was taken');
    })();
    expect(error.code).toBe('RIVET_MASTER_KEY_INVALID');
    expect(error.message).toBe(
      `RIVET_MASTER_KEY gives ${found}; expected base64 of 32 random bytes`,
    );
  });

  it('does not show when it is printed', () => {
    const key = parseMasterKey(text, 'X');
    const shown = inspect(key, { depth: 9, showHidden: true }) + JSON.stringify(key);
    expect(shown).not.toContain(text);
    expect(shown).not.toContain(bytes.toString('hex'));
  });
});
