// What comes through a pipe that cannot take all of it at once.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const MODULE = new URL('./write-all.ts', import.meta.url).href;
const BYTES = 4 * 1024 ** 2;

it('writes all to a pipe that is full again and again', async () => {
  const script = `
    import { writeAll } from ${JSON.stringify(MODULE)};
    // Whoever asks for it makes the pipe one that refuses what it has no room for.
    process.stdout.writableLength;
    writeAll(1, Buffer.alloc(${BYTES}, 'x'));`;
  const args = ['--input-type=module', '-e', script];
  const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 2 * BYTES });
  expect(stdout).toBe('x'.repeat(BYTES));
});
