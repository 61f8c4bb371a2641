// Following an output file: every byte up to the mark, none of it twice, none of it after.

import { appendFile, mkdtemp, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Wakeup } from '@rivet/base';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { OutputFile } from './command-files.ts';
import { followOutput } from './output-follower.ts';

const MARK = Buffer.from('\x1e0123456789abcdef', 'latin1');
let directory: string;
let path: string;
let file: OutputFile;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rivet-follow-'));
  path = join(directory, 'output');
  file = OutputFile.make(path);
});
afterEach(async () => {
  file.close();
  await rm(directory, { recursive: true, force: true });
});

function follow(state: () => 'running' | 'exited' | 'gone') {
  const wakeup = new Wakeup();
  const chunks: Buffer[] = [];
  const arrived = new Wakeup();
  const done = followOutput({
    file,
    mark: MARK,
    wakeup,
    state,
    stallMs: 50,
    sink: (bytes) => {
      chunks.push(Buffer.from(bytes));
      arrived.notify();
    },
  });
  return { done, wakeup, arrived, text: () => Buffer.concat(chunks) };
}

it('gives what was written before the mark, however the writes cut it', async () => {
  // Bytes of the mark itself, so that false starts of it are common.
  const bytes = fc.uint8Array({ maxLength: 60 }).map((array) => {
    const alphabet = [...MARK];
    return Buffer.from(array.map((byte) => alphabet[byte % 3] ?? 0));
  });
  await fc.assert(
    fc.asyncProperty(fc.array(bytes, { maxLength: 6 }), fc.nat(17), async (writes, cut) => {
      await truncate(path, 0);
      const following = follow(() => 'running');
      const all = [...writes, MARK.subarray(0, cut), MARK.subarray(cut), Buffer.from('late')];
      for (const write of all) {
        await appendFile(path, write);
        following.wakeup.notify();
      }
      await following.done;
      expect(following.text()).toEqual(Buffer.concat(writes));
    }),
    { numRuns: 50 },
  );
});

it('gives a large output whole, with beginnings of the mark where reads end', async () => {
  const part = Buffer.concat([
    Buffer.alloc(64 * 1024 - 5, 'x'),
    MARK.subarray(0, 9),
    MARK.subarray(0, 2),
  ]);
  const written = Buffer.concat([part, part.subarray(3), part, Buffer.from('the end')]);
  await appendFile(path, Buffer.concat([written, MARK]));
  const following = follow(() => 'running');
  await following.done;
  expect(following.text().equals(written)).toBe(true);
});

it('gives what looks like the beginning of a mark when nothing follows', async () => {
  await appendFile(path, Buffer.concat([Buffer.from('text'), MARK.subarray(0, 5)]));
  const following = follow(() => 'gone');
  await following.done;
  expect(following.text()).toEqual(Buffer.concat([Buffer.from('text'), MARK.subarray(0, 5)]));
});

it('gives up on a mark that does not come after the exit', async () => {
  await appendFile(path, 'text');
  const following = follow(() => 'exited');
  await following.done;
  expect(following.text().toString()).toBe('text');
});

it('goes on at the new end of a file that was cut', async () => {
  await appendFile(path, 'a long first line\n');
  const following = follow(() => 'running');
  await following.arrived.wait(5_000);
  await truncate(path, 0);
  following.wakeup.notify();
  // The poll sees the cut before the next bytes come, as it would with a slow writer.
  await expect.poll(() => following.text().length).toBe(18);
  await new Promise((resolve) => setTimeout(resolve, 1500));
  await appendFile(path, Buffer.concat([Buffer.from('next\n'), MARK]));
  following.wakeup.notify();
  await following.done;
  expect(following.text().toString()).toBe('a long first line\nnext\n');
});

it('lets everything else have its turn while it reads what costs nobody anything to write', async () => {
  await truncate(path, 400 * 1024 * 1024);
  let turns = 0;
  const others = setInterval(() => {
    turns += 1;
  }, 1);
  let taken = 0;
  const sink = (bytes: Uint8Array): void => {
    taken += bytes.length;
  };
  await followOutput({ file, mark: MARK, wakeup: new Wakeup(), state: () => 'gone', sink });
  clearInterval(others);
  expect(taken).toBe(400 * 1024 * 1024);
  expect(turns).toBeGreaterThan(2);
});

it('refuses a file that is further ahead than anything can write', async () => {
  await truncate(path, 2 ** 43);
  const following = follow(() => 'exited');
  await expect(following.done).rejects.toMatchObject({
    code: 'RIVET_CONTAINER_OUTPUT_FORGED',
    message: expect.stringContaining('TB ahead'),
  });
});

it('waits for a slow sink before it reads on', async () => {
  await appendFile(path, Buffer.concat([Buffer.alloc(200_000, 'x'), MARK]));
  let open = 0;
  let most = 0;
  await followOutput({
    file,
    mark: MARK,
    wakeup: new Wakeup(),
    state: () => 'running',
    sink: async (bytes) => {
      open += 1;
      most = Math.max(most, open);
      expect(bytes.length).toBeLessThanOrEqual(131_072);
      await new Promise((resolve) => setImmediate(resolve));
      open -= 1;
    },
  });
  expect(most).toBe(1);
});
