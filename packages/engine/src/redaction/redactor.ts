// Hides the secrets of one job in everything that leaves it, whatever form they have there.
import { formatSize, REDACTED, RivetError } from '@rivet/base';
import { inOne, kindOf, withForms } from './form-automata.ts';
import { type Automata, createRedactionStream, type RedactionStream } from './redaction-stream.ts';
import { dumpedForms, FORM_BYTES_MIN, secretForms, visibleBytes } from './secret-forms.ts';

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
  /**
   * What one stream looks for. It begins with few automata; they are others only when a secret was
   * added, as what a stream knows of a line that it is amid of goes with them.
   */
  const ofStream = (): (() => Automata) => {
    let known: { readonly automata: Automata; readonly count: number } | undefined;
    return () => {
      if (known?.count === secrets.size) return known.automata;
      const { texts, dumps } = current();
      if (known === undefined) automata = { texts: texts.map(inOne), dumps: inOne(dumps) };
      known = { automata, count: secrets.size };
      return automata;
    };
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
    stream: () => createRedactionStream(ofStream()),
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
