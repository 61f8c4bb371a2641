// Numbers, order, limit and back-pressure of the log.
import type { RivetError } from '@rivet/base';
import type { LogLine } from '@rivet/protocol';
import { describe, expect, it } from 'vitest';
import { createLogWriter, type LineOrigin } from './log-writer.ts';

const origin: LineOrigin = { stage: 'build', level: 'info', stream: 'stdout', groups: [] };

function collect(bytesMax = 1_000_000, line?: (line: LogLine) => void | Promise<void>) {
  const lines: LogLine[] = [];
  const failures: RivetError[] = [];
  const writer = createLogWriter({
    bytesMax,
    line: async (each) => {
      await line?.(each);
      lines.push(each);
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
});
