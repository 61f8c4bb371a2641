// How much room young objects have, as V8 tells.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const MODULE = new URL('./young-generation.ts', import.meta.url).href;
const MB = 1024 * 1024;

/**
 * The bytes of the young generation after each of `calls`, with many objects alive. They are asked
 * for after a collection: while V8 marks it gives room beyond any size, until the next one.
 */
async function roomAfter(...calls: boolean[]): Promise<number[]> {
  const script = `
    import { getHeapSpaceStatistics } from 'node:v8';
    import { growYoungGeneration } from ${JSON.stringify(MODULE)};
    const room = [];
    for (const on of ${JSON.stringify(calls)}) {
      growYoungGeneration(on);
      const alive = [];
      for (let i = 0; i < 500_000; i++) alive.push({ i });
      gc({ type: 'minor' });
      room.push(getHeapSpaceStatistics().find((one) => one.space_name === 'new_space').space_size);
    }
    console.log(JSON.stringify(room));`;
  const args = ['--expose-gc', '--input-type=module', '-e', script];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return JSON.parse(stdout) as number[];
}

it('keeps its size until it may grow', async () => {
  const [kept = 0, grown = 0] = await roomAfter(false, true);
  expect(kept).toBeLessThanOrEqual(2 * MB);
  expect(grown).toBeGreaterThan(4 * MB);
});
