// Numbers, order, limit and back-pressure of the log.
import type { RivetError } from '@rivet/base';
import { type LogLine, type LogLines, readLogLines } from '@rivet/protocol';
import { describe, expect, it } from 'vitest';
import { sectionName } from '../branch.ts';
import type { LineSource } from '../resume.ts';
import { createLogWriter, type LineOrigin, linesTo } from './log-writer.ts';

const origin: LineOrigin = {
  stage: 'build',
  level: 'info',
  stream: 'stdout',
  groups: [],
  author: 'b',
};

function collect(bytesMax = 1_000_000, line?: (line: LogLine) => void | Promise<void>) {
  const lines: LogLine[] = [];
  const failures: RivetError[] = [];
  const writer = createLogWriter({
    bytesMax,
    lines: async (each) => {
      for (const one of readLogLines(each)) {
        await line?.(one);
        lines.push(one);
      }
    },
    onFailure: (error) => failures.push(error),
  });
  return { writer, lines, failures };
}

describe('the log writer', () => {
  it('numbers lines from 1 without gaps, also when several write at the same time', async () => {
    const { writer, lines } = collect();
    const write = async (name: string) => {
      for (let count = 0; count < 20; count += 1) await writer.write(origin, `${name} ${count}`);
    };
    await Promise.all([write('a'), write('b'), write('c')]);
    expect(lines.map((line) => line.n)).toEqual(
      Array.from({ length: 60 }, (_, index) => index + 1),
    );
    expect(lines.filter((line) => line.text.startsWith('b')).map((line) => line.text)).toEqual(
      Array.from({ length: 20 }, (_, index) => `b ${index}`),
    );
  });

  it('makes a line of each line of a text, and one of an empty text', async () => {
    const { writer, lines } = collect();
    await writer.write(origin, 'a\n\nb');
    await writer.write(origin, '');
    expect(lines.map((line) => line.text)).toEqual(['a', '', 'b', '']);
  });

  it('tells of each line who wrote it, and how far that one has come', async () => {
    const sources: string[] = [];
    const writer = createLogWriter({
      bytesMax: 1e6,
      lines: ({ first, count }, { origin: author, end }) =>
        void sources.push(`${first}+${count} ${author} ${end}`),
      onFailure: () => {},
    });
    await writer.write(origin, 'a\nb');
    await writer.write({ ...origin, author: 'c', base: 1000 }, 'c');
    await writer.write({ ...origin, author: 'c', base: 1000 }, 'd');
    await writer.write({ ...origin, author: 'c', base: 2000 }, 'e');
    await writer.write(origin, 'f');
    expect(sources).toEqual(['1+2 b 2', '3+1 c 1001', '4+1 c 1002', '5+1 c 2001', '6+1 b 3']);
  });

  it('goes on where an earlier process stopped, and prints nothing of that again', async () => {
    const told: string[] = [];
    const printed = new Map([
      ['b', 2],
      ['c', 2001],
    ]);
    const writer = createLogWriter({
      bytesMax: 1e6,
      lines: ({ first, text }, { origin: author, end }) =>
        void told.push(`${first} ${author} ${end} ${Buffer.from(text).toString()}`),
      onFailure: () => {},
      resume: { lastLine: 7, logBytes: 0, printed },
    });
    await writer.write(origin, 'a');
    await writer.writeRedacted(origin, { count: 3, text: Buffer.from('b\nc\nd\n') });
    await writer.write({ ...origin, author: 'c', base: 1000 }, 'before');
    await writer.write({ ...origin, author: 'c', base: 2000 }, 'printed\nnew');
    expect(told).toEqual(['8 b 4 c\nd\n', '10 c 2002 new\n']);
    expect(writer.last).toBe(10);
  });

  it('writes NUL in a way that can be stored', async () => {
    const { writer, lines } = collect();
    await writer.write(origin, 'a\0b');
    expect(lines[0]!.text).toBe('a\\0b');
  });

  it('joins the sections that a line stands in', async () => {
    const { writer, lines } = collect();
    await writer.write({ ...origin, groups: ['linux', 'unit'] }, 'x');
    await writer.write(origin, 'y');
    expect(lines[0]!.group).toBe('linux / unit');
    expect(lines[1]).not.toHaveProperty('group');
  });

  it('waits until a line was taken over: that is the back-pressure', async () => {
    const gate = Promise.withResolvers<void>();
    const { writer } = collect(1000, () => gate.promise);
    let written = false;
    const writing = writer.write(origin, 'x').then(() => {
      written = true;
    });
    await new Promise(setImmediate);
    expect(written).toBe(false);
    gate.resolve();
    await writing;
    expect(written).toBe(true);
  });

  it('keeps what was logged when the limit is reached, says so, and tells once', async () => {
    const { writer, lines, failures } = collect(10);
    await writer.write(origin, '12345');
    await writer.write(origin, '67890');
    await writer.write(origin, 'more');
    expect(lines.map((line) => line.text)).toEqual([
      '12345',
      'the log of the job reached its limit of 10B',
    ]);
    expect(failures.map((error) => error.code)).toEqual(['RIVET_JOB_LOG_LIMIT']);
  });

  it('tells once when lines cannot be passed on, and never rejects', async () => {
    const { writer, failures } = collect(1000, () => {
      throw new Error('no disk');
    });
    await writer.write(origin, 'a');
    await writer.write(origin, 'b');
    expect(failures.map((error) => error.code)).toEqual(['RIVET_JOB_REPORT']);
  });

  it('counts the sections that every line carries towards the limit', async () => {
    const { writer, lines, failures } = collect(1000);
    for (let count = 0; count < 20; count += 1) {
      await writer.write({ ...origin, groups: ['g'.repeat(100)] }, 'x');
    }
    expect(failures).toHaveLength(1);
    expect(lines).toHaveLength(10);
  });

  it('passes text on in parts that nobody waits for long, none of it lost', async () => {
    const parts: LogLines[] = [];
    const writer = createLogWriter({
      bytesMax: 1e9,
      lines: (each) => void parts.push(each),
      onFailure: () => undefined,
    });
    await writer.write(origin, `${'\n'.repeat(40_000)}${`${'x'.repeat(999)}\n`.repeat(1000)}`);
    expect(parts.every(({ count, text }) => count <= 16_384 && text.length <= 262_144)).toBe(true);
    const lines = parts.flatMap(readLogLines);
    expect(lines.map(({ n }) => n)).toEqual(Array.from({ length: 41_000 }, (_, i) => i + 1));
    expect(lines.filter(({ text }) => text === '')).toHaveLength(40_000);
    expect(writer.last).toBe(41_000);
  });

  it('keeps the lines of a chunk that still have room', async () => {
    const { writer, lines } = collect(10);
    await writer.writeRedacted(origin, { count: 4, text: Buffer.from('1\n345\n78\n0\n') });
    expect(lines.map((line) => line.text)).toEqual([
      '1',
      '345',
      '78',
      'the log of the job reached its limit of 10B',
    ]);
    expect(lines.map(({ n }) => n)).toEqual([1, 2, 3, 4]);
  });

  it('gives a section no half of a character, where its name was cut', async () => {
    const { writer, lines } = collect();
    await writer.write({ ...origin, groups: [sectionName(`x${'😀'.repeat(60)}`)] }, 'x');
    expect(lines[0]!.group).toMatch(/^x😀{49}\uFFFD…$/u);
  });

  it('shortens a path of sections that would be more than the lines in it', async () => {
    const { writer, lines } = collect();
    await writer.write(
      { ...origin, groups: Array.from({ length: 99 }, () => 'g'.repeat(99)) },
      'x',
    );
    expect(lines[0]!.group).toHaveLength(2001);
  });
});

describe('an observer', () => {
  const told: string[] = [];
  const observer = {
    line: (line: LogLine, { origin, end }: LineSource) =>
      void told.push(`${line.text} ${origin} ${end}`),
    stage: () => undefined,
    output: () => undefined,
    summary: () => undefined,
  };
  const lines: LogLines = {
    ...{ first: 1, count: 2, timeMs: 0, stage: '', group: '', text: Buffer.from('a\nb\n') },
    level: 'info',
    stream: 'log',
  };

  it('hears single lines where it knows nothing else', async () => {
    await linesTo(observer)(lines, { origin: 'x', end: 9 });
    expect(told.splice(0)).toEqual(['a x 8', 'b x 9']);
  });

  it('hears all at once where it wants them so', async () => {
    const counts: number[] = [];
    await linesTo({ ...observer, lines: ({ count }) => void counts.push(count) })(lines, {
      origin: 'x',
      end: 9,
    });
    expect([told, counts]).toEqual([[], [2]]);
  });
});
