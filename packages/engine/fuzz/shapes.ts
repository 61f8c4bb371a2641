// Secrets spread over lines: wrapped, coloured, in dumps. What is left of them is measured.
import type { Random } from '@rivet/base';
import { writeForm } from './written-forms.ts';

export interface Shape {
  readonly name: string;
  readonly text: string;
  /** Says what is wrong with what was made of `text`; undefined when nothing is. */
  problem(shown: string): string | undefined;
}

type MakeShape = (secret: string, random: Random) => Shape | undefined;

/** A shape that suits one of the secrets. */
export function randomShape(secrets: readonly string[], random: Random): Shape {
  const shapes = secrets.some(isInDumps) ? SHAPES.filter((make) => make !== dumped) : SHAPES;
  for (;;) {
    const shape = random.pick(shapes)(random.pick(secrets).trim(), random);
    if (shape !== undefined) return shape;
  }
}

/** Whether some dump may have it among its offsets and numbers, whatever was dumped. */
function isInDumps(secret: string): boolean {
  return secret.split(/[\r\n]+/).some((line) => /^[0-9a-f ,:]{4,12}$/i.test(line.trim()));
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: terminal codes are what is looked for
const CODES = /\u001b\[[0-9;]*[mK]/g;
const MASK = '***';

/** Broken into lines by `base64` or `xxd -p`. */
const wrapped: MakeShape = (secret, random) => {
  const before = random.below(6);
  const bytes = Buffer.concat([Buffer.alloc(before), Buffer.from(secret)]);
  const width = random.pick([60, 64, 76]);
  const text = bytes
    .toString(random.pick(['base64', 'hex']))
    .replaceAll(new RegExp(`.{${width}}`, 'g'), `$&${random.pick(['\n', '\r\n'])}`);
  // Those of the bytes before, the padding, and what a line end cuts off at the beginning.
  const restMax = 2 * before + 8;
  return {
    name: 'wrapped',
    text,
    problem: (shown) => tooMuchLeft(shown.replaceAll(/[\r\n]/g, ''), restMax),
  };
};

/** Coloured by `grep`, or a letter at a time. */
const coloured: MakeShape = (secret, random) => {
  const { core: form } = writeForm(secret, random);
  if (/[\r\n]/.test(form)) return undefined;
  const text = [...form]
    .map(
      (letter) =>
        (random.once(4) ? random.pick(['\u001b[m', '\u001b[01;31m\u001b[K']) : '') + letter,
    )
    .join('');
  return {
    name: 'coloured',
    text,
    problem: (shown) => {
      const codes = (from: string): string => (from.match(CODES) ?? []).join('');
      if (codes(shown) !== codes(text)) return 'terminal codes were changed';
      return tooMuchLeft(shown.replaceAll(CODES, ''), 0);
    },
  };
};

/** Printed line by line, with something before each. */
const lineByLine: MakeShape = (secret, random) => {
  if (!/[\r\n]/.test(secret)) return undefined;
  const lines = secret.split(/\r\n|\n/);
  const prefix = random.pick(['', '  ', '| ', 'key: ']);
  const text = lines.map((line) => prefix + line).join(random.pick(['\n', '\r\n']));
  const hidden = lines.map((line) => line.trim()).filter((line) => Buffer.byteLength(line) >= 4);
  return {
    name: 'line by line',
    text,
    problem: (shown) => {
      const left = hidden.find((line) => !/^\*+$/.test(line) && shown.includes(line));
      return left === undefined ? undefined : `the line ${JSON.stringify(left)} is left`;
    },
  };
};

interface DumpTool {
  readonly name: string;
  /** A secret has to have so many bytes. */
  readonly bytesMin: number;
  /** Bytes of a number, which is hidden as a whole. */
  readonly word: number;
  readonly write: (bytes: Buffer) => string;
  /** What stands for a number in the dump. */
  readonly number: RegExp;
}

const DUMP_TOOLS: readonly DumpTool[] = [
  { name: 'xxd', bytesMin: 4, word: 1, write: xxd, number: /[0-9a-f]{2}/g },
  { name: 'hexdump -C', bytesMin: 4, word: 1, write: hexdumpC, number: /[0-9a-f]{2}/g },
  { name: 'od -x', bytesMin: 4, word: 2, write: odWords, number: /[0-9a-f]{4}/g },
  { name: 'od -b', bytesMin: 8, word: 1, write: odOctal, number: /[0-7]{3}/g },
  {
    name: 'od -An -tx1',
    bytesMin: 4,
    word: 1,
    write: (b) => rows(b, hexPairs),
    number: /[0-9a-f]{2}/g,
  },
  { name: 'colons', bytesMin: 4, word: 1, write: (b) => join(b, ':'), number: /[0-9a-f]{2}/g },
  {
    name: '\\x',
    bytesMin: 4,
    word: 1,
    write: (b) => `\\x${join(b, '\\x')}`,
    number: /[0-9a-f]{2}/g,
  },
  {
    name: '0x',
    bytesMin: 4,
    word: 1,
    write: (b) => `0x${join(b, ', 0x')}`,
    number: /[0-9a-f]{2}/g,
  },
  { name: 'JSON', bytesMin: 8, word: 1, write: (b) => JSON.stringify([...b]), number: /\d+/g },
];

const dumped: MakeShape = (secret, random) => {
  const tool = random.pick(DUMP_TOOLS);
  const inside = Buffer.from(secret);
  if (inside.length < tool.bytesMin) return undefined;
  const around = (): Buffer => Buffer.alloc(random.below(20), random.between(1, 9));
  const [before, behind] = [around(), around()];
  const text = tool.write(Buffer.concat([before, inside, behind]));
  const parts = letterParts(secret);
  return {
    name: `dumped by ${tool.name}`,
    text,
    problem: (shown) => {
      const part = parts.find((letters) => shown.includes(letters));
      if (part !== undefined) return `the column of letters shows ${JSON.stringify(part)}`;
      const numbers = shown
        .replaceAll(/^[0-9a-f]{7,8}:? /gm, '')
        .replaceAll(/\|.*\|| {2}\S*$/gm, '');
      const left = tool.word * (numbers.match(tool.number)?.length ?? 0);
      const outside = before.length + behind.length;
      // The last word may be half empty.
      if (left > outside + tool.word - 1) return `${left} bytes are left, ${outside} are no secret`;
      return outside - left > 2 * tool.word ? `${left} bytes are left of ${outside}` : undefined;
    },
  };
};

const SHAPES: readonly MakeShape[] = [wrapped, coloured, lineByLine, dumped, dumped];

function tooMuchLeft(shown: string, restMax: number): string | undefined {
  if (!shown.includes(MASK)) return 'nothing was hidden';
  const rest = shown.replaceAll(MASK, '');
  return rest.length <= restMax ? undefined : `${JSON.stringify(rest)} is left`;
}

/** Each four printable letters in a row, as a column of letters would show them. */
function letterParts(secret: string): string[] {
  const runs =
    Buffer.from(secret)
      .toString('latin1')
      .match(/[!-)+-~]{6,}/g) ?? [];
  // Digits and dots could be those of the dump itself.
  return runs.map((run) => run.slice(0, 6)).filter((part) => /[G-Zg-z!#$&=?@^~]/.test(part));
}

function xxd(bytes: Buffer): string {
  return rows(bytes, (row, at) => {
    const words = row.toString('hex').replaceAll(/.{4}(?!$)/g, '$& ');
    return `${at.toString(16).padStart(8, '0')}: ${words.padEnd(39)}  ${letters(row)}`;
  });
}

function hexdumpC(bytes: Buffer): string {
  return rows(bytes, (row, at) => {
    const halves = [row.subarray(0, 8), row.subarray(8)].map((half) => join(half, ' '));
    const offset = at.toString(16).padStart(8, '0');
    return `${offset}  ${halves.join('  ').padEnd(48)}  |${letters(row)}|`;
  });
}

function odWords(bytes: Buffer): string {
  return rows(bytes, (row, at) => {
    const even = Buffer.concat([row, Buffer.alloc(row.length % 2)]);
    const words = even
      .swap16()
      .toString('hex')
      .replaceAll(/.{4}(?!$)/g, '$& ');
    return `${at.toString(8).padStart(7, '0')} ${words}`;
  });
}

function odOctal(bytes: Buffer): string {
  return rows(bytes, (row, at) => {
    const numbers = [...row].map((byte) => byte.toString(8).padStart(3, '0'));
    return `${at.toString(8).padStart(7, '0')} ${numbers.join(' ')}`;
  });
}

function hexPairs(row: Buffer): string {
  return ` ${join(row, ' ')}`;
}

function rows(bytes: Buffer, write: (row: Buffer, at: number) => string): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) lines.push(write(bytes.subarray(at, at + 16), at));
  return lines.join('\n');
}

function join(bytes: Buffer, between: string): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(between);
}

function letters(bytes: Buffer): string {
  return bytes.toString('latin1').replaceAll(/[^ -~]/g, '.');
}
