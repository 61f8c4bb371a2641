// Lua processes start whatever has become of the image that they start from.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startProcess } from '@rivet/processes';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createLuaEngine } from './engine.ts';
import { PROCESS_FLAGS } from './lua-process.ts';
import { LIMITS } from './test-program.ts';
import type { LuaProgram } from './vm.ts';

const place = vi.hoisted((): { image: string | undefined } => ({ image: undefined }));
vi.mock('./image.ts', () => ({ findImage: () => place.image }));

let directory: string;
/** A good image, which is none of a Lua process. */
let stranger: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rivet-image-'));
  stranger = join(directory, 'stranger.blob');
  const script = join(directory, 'stranger.cjs');
  await writeFile(
    script,
    'require("node:v8").startupSnapshot.setDeserializeMainFunction(() => { process.exitCode = 3; });\n',
  );
  const { code } = await startProcess({
    file: process.execPath,
    args: [...PROCESS_FLAGS, '--snapshot-blob', stranger, '--build-snapshot', script],
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: 'ignore',
  }).exit;
  expect(code).toBe(0);
});

afterAll(() => rm(directory, { recursive: true, force: true }));

const program: LuaProgram = {
  main: 'main.lua',
  files: new Map([['main.lua', 'return 6 * 7']]),
  modules: [],
  seed: '',
  env: {},
};

/** What a file with an image may have become. */
const fates: Record<string, (path: string) => Promise<void>> = {
  'is gone': async () => undefined,
  'is empty': (path) => writeFile(path, ''),
  'is no image': (path) => writeFile(path, Buffer.alloc(100_000, 'x')),
  'is cut off': async (path) => {
    const whole = await readFile(stranger);
    await writeFile(path, whole.subarray(0, whole.length / 2));
  },
  'is for another version of Node': async (path) => {
    const bytes = await readFile(stranger);
    const at = bytes.indexOf(process.version);
    expect(at).toBeGreaterThan(0);
    bytes.write('v1', at);
    await writeFile(path, bytes);
  },
  'is of another program': async (path) => writeFile(path, await readFile(stranger)),
};

test.each(Object.entries(fates))('programs run when the image %s', async (fate, make) => {
  place.image = join(directory, `${fate.replaceAll(' ', '-')}.blob`);
  await make(place.image);
  const engine = createLuaEngine({ memoryBytesMax: LIMITS.memoryBytes });
  try {
    for (let count = 0; count < 2; count += 1) {
      const vm = await engine.open(program, { call: async () => [] }, LIMITS);
      expect((await vm.evaluate()).values).toEqual([42]);
    }
  } finally {
    await engine.close();
  }
});
