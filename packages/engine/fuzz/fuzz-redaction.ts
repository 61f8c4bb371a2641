// Random secrets in random forms, cut at random places: nothing may leak, nothing else may change.

import { createRandom, type Random } from '@rivet/base';
import { createRedactor, type Redactor } from '../src/redaction/redactor.ts';
import { randomSecrets } from './random-secrets.ts';
import { createReference, type Reference } from './reference.ts';
import { randomShape, type Shape } from './shapes.ts';
import { type Written, writeForm } from './written-forms.ts';

/** Of one set of secrets: making the automaton takes longer than using it. */
const CASES_PER_ROUND = 40;

export interface FuzzReport {
  readonly cases: number;
  /** By name of the form or shape, how many were written. */
  readonly forms: ReadonlyMap<string, number>;
  readonly bytes: number;
  /** Cases that were compared letter by letter with the naive redaction. */
  readonly compared: number;
}

/**
 * @param options.onRound called after each set of secrets
 * @throws an Error with the secrets, the text and what was made of it, at the first mistake
 */
export function fuzzRedaction(options: {
  readonly cases: number;
  readonly seed: number;
  readonly onRound?: (cases: number) => void;
}): FuzzReport {
  const forms = new Map<string, number>();
  let cases = 0;
  let bytes = 0;
  let compared = 0;
  for (let round = 0; cases < options.cases; round += 1) {
    // A seed of its own, so that a round can be repeated alone.
    const seed = (options.seed + Math.imul(round, 0x9e3779b1)) >>> 0;
    const random = createRandom(seed);
    const secrets = randomSecrets(random);
    const redactor = createRedactor();
    for (const secret of secrets) redactor.add(secret, 'the secret');
    const references = {
      all: createReference(secrets),
      // Stars that hide something else are no leak.
      letters: createReference(secrets.filter((secret) => !/^\*+$/.test(secret.trim()))),
    };
    for (let count = 0; count < CASES_PER_ROUND && cases < options.cases; count += 1) {
      const one = random.once(2)
        ? exactCase(random, secrets, references)
        : shapedCase(random, secrets);
      for (const name of one.names) forms.set(name, (forms.get(name) ?? 0) + 1);
      bytes += one.bytes.length;
      if (one.compared) compared += 1;
      const { shown, whole } = redacted(redactor, one.bytes, random);
      const problem = shown.equals(whole) ? one.problem(shown) : `chunks give ${quote(shown)}`;
      if (problem !== undefined) throw mistake(problem, seed, secrets, one.bytes, whole);
      cases += 1;
    }
    options.onRound?.(cases);
  }
  return { cases, forms, bytes, compared };
}

interface Case {
  readonly names: readonly string[];
  readonly bytes: Buffer;
  readonly compared: boolean;
  problem(shown: Buffer): string | undefined;
}

const FILLERS = ['', ' ', '=', 'a', '/', '"', '%', 'ab', ' = ', 'user:', 'é', '?token=', 'Bearer '];

/** Forms in one line, close together: what comes out is compared with a naive redaction. */
function exactCase(
  random: Random,
  secrets: readonly string[],
  { all, letters }: { readonly all: Reference; readonly letters: Reference },
): Case {
  const written: Written[] = [];
  let text = random.pick(FILLERS);
  for (let count = random.below(4); count >= 0; count -= 1) {
    const form = writeForm(random.pick(secrets), random);
    if (/[\r\n]/.test(form.text)) continue;
    written.push(form);
    text += partOf(form.text, random) + random.pick(FILLERS);
  }
  const bytes = Buffer.from(text);
  const flat = bytes.toString('latin1');
  const mayBeDump = DUMP.test(flat) || hasWordsOf(flat, secrets);
  return {
    names: written.map(({ name }) => name),
    bytes,
    compared: !mayBeDump,
    problem(shown) {
      const told = shown.toString('latin1');
      if (mayBeDump) {
        return letters.finds(told) ? 'a form of a secret is left' : undefined;
      }
      if (told !== all.redact(flat)) return 'it differs from the naive redaction';
      const leak = written.find(({ core }) => leaks(told, core));
      return leak === undefined ? undefined : `${leak.name} is left`;
    },
  };
}

/** Numbers that may be read as bytes, which the naive redaction does not do. */
const BETWEEN = '[ \\t,:;%\\\\|[\\](){}"\'!#$&*+./<=>?@^`~-]+x?';
const DUMP = new RegExp(`(?:[0-9a-fA-F]+${BETWEEN}){3}|[0-9a-fA-F]{4,}${BETWEEN}[0-9a-fA-F]{4}`);

/** Whether a number in it may be read with its last byte first. */
function hasWordsOf(flat: string, secrets: readonly string[]): boolean {
  const text = flat.toLowerCase();
  return secrets.some((secret) => {
    const bytes = Buffer.from(secret.trim());
    return text.includes(Buffer.from(bytes.toReversed()).toString('hex'));
  });
}

/** Most often all of it; else it was cut off somewhere and may stay as it is. */
function partOf(text: string, random: Random): string {
  return random.once(8) ? text.slice(random.below(4), text.length - random.below(4)) : text;
}

function leaks(told: string, core: string): boolean {
  const form = Buffer.from(core).toString('latin1');
  return form.length >= 4 && !/^\*+$/.test(form) && told.includes(form);
}

const BORDER = '\n§§\n';

/** Secrets over several lines, apart from each other: each shape says what may be left of it. */
function shapedCase(random: Random, secrets: readonly string[]): Case {
  const shapes: Shape[] = [];
  for (let count = random.below(3); count >= 0; count -= 1) {
    shapes.push(randomShape(secrets, random));
  }
  const bytes = Buffer.from(shapes.map(({ text }) => text).join(BORDER));
  return {
    names: shapes.map(({ name }) => name),
    bytes,
    compared: false,
    problem(shown) {
      const pieces = shown.toString('utf8').split(BORDER);
      if (pieces.length !== shapes.length) return 'what stands between was changed';
      for (const [index, shape] of shapes.entries()) {
        const problem = shape.problem(pieces[index] ?? '');
        if (problem !== undefined) return `${shape.name}: ${problem}`;
      }
      return undefined;
    },
  };
}

/** In chunks, and all at once, which must be the same. */
function redacted(redactor: Redactor, bytes: Buffer, random: Random): Record<Way, Buffer> {
  const stream = redactor.stream();
  const parts: Uint8Array[] = [];
  const chunkMax = random.pick([1, 2, 7, 40, 1000]);
  for (let at = 0; at < bytes.length; ) {
    const size = random.between(1, chunkMax);
    // A buffer of its own, which is used again afterwards.
    const chunk = new Uint8Array(bytes.subarray(at, at + size));
    parts.push(new Uint8Array(stream.push(chunk)));
    chunk.fill(0);
    at += size;
  }
  const shown = Buffer.concat([...parts, stream.end()]);
  return { shown, whole: Buffer.from(redactor.text(bytes.toString('utf8'))) };
}

type Way = 'shown' | 'whole';

function mistake(
  problem: string,
  seed: number,
  secrets: readonly string[],
  bytes: Buffer,
  whole: Buffer,
): Error {
  const facts = [
    `seed    ${seed}`,
    `secrets ${JSON.stringify(secrets)}`,
    `text    ${quote(bytes)}`,
    `shown   ${quote(whole)}`,
  ];
  return new Error([problem, ...facts].join('\n'));
}

function quote(bytes: Buffer): string {
  return JSON.stringify(bytes.toString('utf8'));
}
