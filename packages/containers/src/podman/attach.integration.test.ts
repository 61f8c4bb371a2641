// A process of the runner is killed between any two lines; the next one goes on with its commands,
// and none of them runs twice.
import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sleep, uuidv7 } from '@rivet/base';
import { startProcess } from '@rivet/processes';
import { canLimit } from '@rivet/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Container, ContainerDriver, ContainerSpec } from '../driver.ts';
import { EXIT_CODES, numberedCommand, type Pace } from '../testing/command-loop.ts';
import { plainSpec } from '../testing/plain-spec.ts';
import { createPodmanDriver } from './driver.ts';

const PROGRAM = join(import.meta.dirname, '../testing/command-loop.ts');
const KILLS = 8;

const labels = { 'dev.rivet.test': uuidv7() };
let driver: ContainerDriver;
let directory: string;
let hasLimits: boolean;

beforeAll(async () => {
  driver = createPodmanDriver();
  directory = await mkdtemp(join(tmpdir(), 'rivet-attach-'));
  hasLimits = canLimit(await driver.check({ labels, directory: join(directory, 'check') }));
});
afterAll(async () => {
  await driver.removeLabelled(labels);
  await driver.removeTree(directory);
});

/** Numbers after a word in the notes of the program. */
async function noted(notes: string, word: 'begin' | 'end'): Promise<number[]> {
  const lines = (await readFile(notes, 'utf8')).split('\n');
  return lines.filter((line) => line.startsWith(word)).map((line) => Number(line.split(' ')[1]));
}

/** Runs commands from `first` on in another process, and kills that a moment after it began. */
async function runAndKill(
  spec: ContainerSpec,
  notes: string,
  { first, pace, afterMs }: { first: number; pace: Pace; afterMs: number },
) {
  const program = startProcess({
    file: process.execPath,
    args: [PROGRAM, JSON.stringify(spec), notes, String(first), pace],
    env: process.env,
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: 'inherit',
  });
  const deadline = performance.now() + 60_000;
  while (!(await noted(notes, 'begin')).includes(first)) {
    if (performance.now() > deadline) throw new Error('the program began no command in a minute');
    await sleep(5);
  }
  await sleep(afterMs);
  program.kill('SIGKILL');
  await program.exit;
}

describe.each([
  ['that wait in slots', undefined, 'told'],
  ['that are requested', 50, 'told'],
  ['that begin by themselves', undefined, 'prepared'],
] as const)('commands %s', (_, pids, pace) => {
  it('run once each, whenever the process that follows them is killed', async ({ skip }) => {
    skip(pids !== undefined && !hasLimits, 'this machine cannot limit processes');
    const place = join(directory, uuidv7());
    const notes = join(place, 'notes');
    await mkdir(join(place, 'work'), { recursive: true });
    await writeFile(notes, '');
    const spec = plainSpec({
      image: 'localhost/rivet/base:latest',
      labels,
      pids,
      controlDirectory: join(place, 'control'),
      mounts: [{ source: join(place, 'work'), target: '/work', readonly: false }],
    });
    let first = 1;
    for (let kill = 0; kill < KILLS; kill += 1) {
      await runAndKill(spec, notes, { first, pace, afterMs: 7 + kill * 9.3 });
      const begun = await noted(notes, 'begin');
      const ended = new Set(await noted(notes, 'end'));
      const rest = begun.filter((number) => number >= first && !ended.has(number));
      await goOn(spec, new Set(rest), pace);
      first = (begun.at(-1) ?? 0) + 1;
    }
    const ran = (await readFile(join(place, 'work/ran'), 'utf8')).trim().split('\n').map(Number);
    expect(ran).toEqual(Array.from({ length: first - 1 }, (_, index) => index + 1));
    expect(ran.length).toBeGreaterThanOrEqual(KILLS);
  });
});

/** Brings commands to their ends that may have begun; checks all that they say. */
async function goOn(spec: ContainerSpec, numbers: ReadonlySet<number>, pace: Pace): Promise<void> {
  if (numbers.size === 0) return;
  const container = await createPodmanDriver().adopt(spec);
  if (container === undefined) throw new Error('the container is gone');
  for (const number of numbers) await goOnWith(container, number, pace);
}

async function goOnWith(container: Container, number: number, pace: Pace): Promise<void> {
  let said = '';
  const sink = (_: string, bytes: Uint8Array) => {
    said += Buffer.from(bytes).toString();
  };
  const command = numberedCommand(number, pace);
  const found = await container.attach(command, sink);
  expect(found).not.toBe('unknown');
  const running = typeof found === 'string' ? await container.run(command, sink) : found;
  expect((await running.exit).exitCode).toBe(EXIT_CODES[pace]);
  expect(said).toBe(`begin ${number}\nend ${number}\n`);
  running.forget();
}
