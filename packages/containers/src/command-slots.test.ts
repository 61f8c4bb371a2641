// What becomes of slots when their files cannot be made, or are gone: the container owns the
// directory.
import { appendFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Wakeup } from '@rivet/base';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { dropCommandFiles, makeCommandFiles } from './command-files.ts';
import { CommandSlots, type SlotDirectory } from './command-slots.ts';
import { makeFifos, RequestFifo } from './request-fifo.ts';

let path: string;
let fifos: RequestFifo[];
let sent: string[];
let agentStarts: number;
let wakeup: Wakeup;

beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'rivet-slots-'));
  const paths = ['slot0', 'slot1'].map((name) => join(path, name));
  await makeFifos(paths);
  fifos = paths.map((each) => new RequestFifo(each));
  sent = [];
  agentStarts = 1;
  wakeup = new Wakeup();
});

afterEach(() => rm(path, { recursive: true }));

/** @param refuse whether files of this name cannot be made */
function openSlots(refuse: (name: string) => boolean): CommandSlots {
  const directory: SlotDirectory = {
    makeFiles(name) {
      if (refuse(name)) throw new Error(`EEXIST: ${name}`);
      return makeCommandFiles(path, name);
    },
    dropFiles: (files) => dropCommandFiles(path, files),
    wakeup: () => wakeup,
    trySend(line) {
      sent.push(line);
      return true;
    },
    agentStarts: () => agentStarts,
  };
  return new CommandSlots(directory, fifos);
}

test('a slot whose files cannot be made is none, and the next one is tried', async () => {
  const slots = openSlots((name) => name === 'slot.1' || name === 'slot.2');
  expect(await slots.take()).toBeUndefined();
  // What is thrown after the turn would end the program.
  await new Promise((resolve) => setImmediate(resolve));
  expect(await slots.take()).toBeUndefined();
  await new Promise((resolve) => setImmediate(resolve));
  expect(sent.map((line) => line.split(' ')[1])).toEqual(['slot.3']);
  slots.close();
});

test('a slot says that it waits, and is used', async () => {
  const slots = openSlots(() => false);
  await appendFile(join(path, 'slot.1.status'), 'waiting 5 4\n');
  expect((await slots.take())?.files.name).toBe('slot.1');
  slots.close();
});

test('a slot that was given back is used by the next command, unless the agent began anew', async () => {
  const slots = openSlots(() => false);
  await appendFile(join(path, 'slot.1.status'), 'waiting 5 4\n');
  (await slots.take())?.giveBack();
  const again = await slots.take();
  expect(again?.files.name).toBe('slot.1');
  agentStarts += 1;
  again?.giveBack();
  expect(await slots.take()).toBeUndefined();
  slots.close();
});

test('a slot that is about to be there is waited for until that is of no use', async () => {
  const slots = openSlots(() => false);
  const over = Promise.withResolvers<void>();
  const taken = slots.take(over.promise);
  over.resolve();
  expect(await taken).toBeUndefined();
  await appendFile(join(path, 'slot.1.status'), 'waiting 5 4\n');
  expect((await slots.take())?.files.name).toBe('slot.1');
  slots.close();
});

test.each(['stdout', 'stderr'])(
  'a slot that opened its %s when that had been deleted is not used: nobody would read it',
  async (name) => {
    const slots = openSlots(() => false);
    await rm(join(path, `slot.1.${name}`));
    // As the slot's shell does, which makes what it does not find.
    await appendFile(join(path, `slot.1.${name}`), '');
    await appendFile(join(path, 'slot.1.status'), 'waiting 5 4\n');
    expect(await slots.take()).toBeUndefined();
    slots.close();
  },
);

test.each([
  ['whose process ended', 'waiting 5 4\n\nexit 137\n', 4],
  ['that was refused a process', 'lost\n', 4],
  ['that may still wait, as only its watcher was killed', 'waiting 5 4\nlost\n', 2],
])('the FIFO of a slot %s is used again or not', async (_, status, asked) => {
  const slots = openSlots(() => false);
  for (const slot of [1, 2, 3]) {
    await appendFile(join(path, `slot.${slot}.status`), status);
    expect(await slots.take()).toBeUndefined();
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(sent.map((line) => line.split(' ').at(-1))).toEqual(
    ['slot0', 'slot1', 'slot0', 'slot1'].slice(0, asked),
  );
  slots.close();
});
