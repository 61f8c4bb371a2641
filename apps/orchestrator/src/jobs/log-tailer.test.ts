// What many ask about logs at once, in few statements.
import type { LogPlace } from '@rivet/store';
import { describe, expect, it } from 'vitest';
import { FakeLog } from './fake-log.ts';
import { createLogTailer } from './log-tailer.ts';

function setUp() {
  const log = new FakeLog();
  log.print('one', 'two', 'three', 'four');
  const tailer = createLogTailer(log.database);
  const textsAfter = async (after: number): Promise<string[] | undefined> =>
    (await tailer.read({ jobId: 'a', attempt: 1, after }))?.lines.map(({ text }) => text);
  return { log, tailer, textsAfter };
}

const sizes = (reads: readonly (readonly LogPlace[])[]): number[] => reads.map((one) => one.length);

describe('what is asked about logs', () => {
  it('in one turn is one statement, with the same question in it once', async () => {
    const { log, textsAfter } = setUp();
    const answers = await Promise.all([textsAfter(0), textsAfter(3), textsAfter(0)]);
    expect(answers).toEqual([['one', 'two', 'three'], ['four'], ['one', 'two', 'three']]);
    expect(sizes(log.reads)).toEqual([2]);
  });

  it('while a statement is under way waits for the next, and sees what came meanwhile', async () => {
    const { log, textsAfter } = setUp();
    const first = textsAfter(4);
    while (log.reads.length === 0) await new Promise(setImmediate);
    log.print('five');
    const second = textsAfter(4);
    const third = textsAfter(3);
    expect(await Promise.all([first, second, third])).toEqual([[], ['five'], ['four', 'five']]);
    expect(sizes(log.reads)).toEqual([1, 2]);
  });

  it('about many places takes several statements, and each is answered', async () => {
    const { log, tailer } = setUp();
    const answers = await Promise.all(
      Array.from({ length: 120 }, (_, after) => tailer.read({ jobId: 'a', attempt: 2, after })),
    );
    expect(answers.filter((answer) => answer?.lines.length === 0)).toHaveLength(120);
    expect(sizes(log.reads)).toEqual([50, 50, 20]);
  });

  it('has no answer for a job that is gone, and one for another in the same statement', async () => {
    const { tailer } = setUp();
    const [gone, here] = await Promise.all([
      tailer.read({ jobId: 'b', attempt: 1, after: 0 }),
      tailer.read({ jobId: 'a', attempt: 1, after: 3 }),
    ]);
    expect(gone).toBeUndefined();
    expect(here?.lines.map(({ text }) => text)).toEqual(['four']);
  });

  it('fails for who asked while the database was away, and is answered again after that', async () => {
    const { log, textsAfter } = setUp();
    log.failure = new Error('away');
    const failed = await Promise.allSettled([textsAfter(0), textsAfter(1)]);
    expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    log.failure = undefined;
    expect(await textsAfter(3)).toEqual(['four']);
  });
});
