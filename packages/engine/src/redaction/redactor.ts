// Hides the secrets of one job in everything that leaves it, whatever form they have there.
import { formatSize, REDACTED, RivetError } from '@rivet/base';
import { Automaton, LONG_FORM_BYTES_MIN } from './automaton.ts';
import { type Automata, createRedactionStream, type RedactionStream } from './redaction-stream.ts';
import {
  dumpedForms,
  FORM_BYTES_MIN,
  type SecretForm,
  secretForms,
  visibleBytes,
} from './secret-forms.ts';

const SECRET_BYTES_MAX = 64 * 1024;
const SECRETS_BYTES_MAX = 256 * 1024;
/** A script names these, as many as it likes: what they take in the runner's memory is bounded. */
const MASKED_BYTES_MAX = 32 * 1024;

/** Knows what to hide and hides it. A form that was added is hidden from then on, for ever. */
export interface Redactor {
  /** Counts what was added: what was redacted before may have to be redacted again. */
  readonly generation: number;
  /**
   * Hides a text and its forms from now on.
   * @param what names it in errors
   * @throws RIVET_SECRET_TOO_SHORT, RIVET_SECRET_TOO_LARGE
   */
  add(secret: string, what: string): void;
  /** The same for what a script wants hidden; 32 KB of that in all. */
  addMasked(text: string, what: string): void;
  /** The text with `***` in place of what is hidden; also what `…` cut off in the middle. */
  text(text: string): string;
  /** A JSON value with the texts and keys in it redacted; the value itself when there is nothing. */
  value(value: unknown): unknown;
  /** For bytes that come in chunks. */
  stream(): RedactionStream;
}

interface Kind {
  readonly name: 'secrets' | 'masked';
  readonly inAll: string;
  readonly bytesMax: number;
}

const SECRETS: Kind = {
  name: 'secrets',
  inAll: 'the secrets of the job together have',
  bytesMax: SECRETS_BYTES_MAX,
};
const MASKED: Kind = {
  name: 'masked',
  inAll: 'what log.mask hides in this job has',
  bytesMax: MASKED_BYTES_MAX,
};

export function createRedactor(): Redactor {
  const secrets = new Set<string>();
  const totals = { secrets: 0, masked: 0 };
  let added: string[] = [];
  let automata: Automata = { texts: [[], [], []], dumps: [] };

  const add = (secret: string, what: string, kind: Kind): void => {
    if (secrets.has(secret)) return;
    checkSecretSize(secret, what);
    const after = totals[kind.name] + Buffer.byteLength(secret);
    if (after > kind.bytesMax) throw tooLarge(kind.inAll, after, kind.bytesMax);
    totals[kind.name] = after;
    secrets.add(secret);
    added.push(secret);
  };
  const current = (): Automata => {
    if (added.length > 0) {
      const forms = Map.groupBy(added.flatMap(secretForms), kindOf);
      automata = {
        texts: automata.texts.map((kind, at) => withForms(kind, forms.get(at) ?? [])),
        dumps: withForms(automata.dumps, added.flatMap(dumpedForms)),
      };
      added = [];
    }
    return automata;
  };
  const redactText = (text: string): string => {
    if (secrets.size === 0 || Buffer.byteLength(text) < FORM_BYTES_MIN) return text;
    const stream = createRedactionStream(current);
    const whole = redactPiece(text, (bytes) => [stream.push(bytes), stream.end()]);
    if (!whole.includes('…')) return whole;
    const pieces = whole.split(CUT_MARK);
    return pieces
      .map((piece, index) => {
        if (index % 2 === 1 || index === pieces.length - 1) return piece;
        return redactPiece(piece, (bytes) => [stream.push(bytes), stream.cut()]);
      })
      .join('');
  };
  return {
    get generation() {
      return secrets.size;
    },
    add: (secret, what) => add(secret, what, SECRETS),
    addMasked: (text, what) => add(text, what, MASKED),
    text: redactText,
    value: (value) => (secrets.size === 0 ? value : redactValue(value, redactText)),
    stream: () => createRedactionStream(current),
  };
}

/** Where Rivet itself has shortened a text. */
const CUT_MARK = /( ?…)/;

function redactPiece(text: string, redact: (bytes: Uint8Array) => readonly Uint8Array[]): string {
  const shown = Buffer.concat(redact(Buffer.from(text))).toString('utf8');
  return shown.includes(REDACTED) ? shown : text;
}

function redactValue(value: unknown, redact: (text: string) => string): unknown {
  if (typeof value === 'string') return redact(value);
  if (typeof value === 'number' || typeof value === 'bigint') {
    // A secret of digits alone.
    return redact(String(value)) === String(value) ? value : REDACTED;
  }
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    const items = value.map((item) => redactValue(item, redact));
    return items.some((item, index) => item !== value[index]) ? items : value;
  }
  let changed = false;
  const shown = Object.entries(value).map(([key, entry]) => {
    const pair = [redact(key), redactValue(entry, redact)] as const;
    changed ||= pair[0] !== key || pair[1] !== entry;
    return pair;
  });
  return changed ? Object.fromEntries(shown) : value;
}

/**
 * Forms that wrap have automata of their own. So have the short ones of the others: a log is read
 * in steps as long as the shortest form of an automaton allows.
 */
function kindOf({ bytes, wraps }: SecretForm): number {
  if (wraps) return 0;
  return bytes.length < LONG_FORM_BYTES_MIN ? 1 : 2;
}

/** The new automata, few enough that a stream asks each of them, and each form is rebuilt rarely. */
function withForms(
  automata: readonly Automaton[],
  added: readonly SecretForm[],
): readonly Automaton[] {
  if (added.length === 0) return automata;
  const kept = [...automata];
  let forms = [...added];
  let size = sizeOf(forms);
  for (let last = kept.at(-1); last !== undefined && last.size <= 2 * size; last = kept.at(-1)) {
    forms = [...last.forms, ...forms];
    size += last.size;
    kept.pop();
  }
  return [...kept, new Automaton(forms)];
}

function sizeOf(forms: readonly SecretForm[]): number {
  return forms.reduce((sum, { bytes }) => sum + bytes.length, 0);
}

/**
 * Whether a text can be kept out of the log, and is no file of its own.
 * @param what names it in errors
 * @throws RIVET_SECRET_TOO_SHORT, RIVET_SECRET_TOO_LARGE
 */
export function checkSecretSize(secret: string, what: string): void {
  const bytes = Buffer.byteLength(secret);
  if (bytes > SECRET_BYTES_MAX) throw tooLarge(`${what} has`, bytes, SECRET_BYTES_MAX);
  const visible = visibleBytes(secret);
  if (visible >= FORM_BYTES_MIN) return;
  throw RivetError.of('RIVET_SECRET_TOO_SHORT', { what, found: visible, limit: FORM_BYTES_MIN });
}

function tooLarge(what: string, found: number, limit: number): RivetError {
  return RivetError.of('RIVET_SECRET_TOO_LARGE', {
    what,
    found: formatSize(found),
    limit: formatSize(limit),
  });
}
