// Who follows files hears of each write in time, however it is found out, on timers of the test.
import { appendFile, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Wakeup } from '@rivet/base';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { OutputFile } from './command-files.ts';
import { ReadTurns } from './read-turns.ts';
import { WriteWatch } from './write-watch.ts';

/** A directory that is written to by the test, and tells of it as the kernel does. */
class FakeDirectory {
  readonly watch: WriteWatch;
  /** How often this process was woken. */
  events = 0;
  #onWrite: ((name: string) => void) | undefined;

  constructor(turns: ReadTurns) {
    this.watch = new WriteWatch(
      () => 'nowhere',
      turns,
      (_, onWrite) => {
        this.#onWrite = onWrite;
        return {
          close: () => {
            this.#onWrite = undefined;
          },
        };
      },
    );
  }

  get isWatched(): boolean {
    return this.#onWrite !== undefined;
  }

  file(name: string, isOutput = true): FakeFile {
    return new FakeFile(this, name, isOutput);
  }

  written(name: string): void {
    if (this.#onWrite === undefined) return;
    this.events += 1;
    this.#onWrite(name);
  }
}

/** A file whose follower takes all there is as often as it is told. */
class FakeFile {
  size = 0;
  taken = 0;
  /** When its follower took something. */
  readonly takenAt: number[] = [];
  readonly #directory: FakeDirectory;
  readonly #name: string;

  constructor(directory: FakeDirectory, name: string, isOutput: boolean) {
    this.#directory = directory;
    this.#name = name;
    void this.#follow(directory.watch.wakeup(name, this, isOutput));
  }

  write(): void {
    this.size += 1;
    this.#directory.written(this.#name);
  }

  async #follow(wakeup: Wakeup): Promise<void> {
    for (;;) {
      await wakeup.wait(1e9);
      if (this.taken === this.size) continue;
      this.taken = this.size;
      this.takenAt.push(performance.now());
    }
  }
}

/** Of 200 outputs: a turn of 25 ms. */
const OTHERS = 199;

describe('on timers of the test', () => {
  const timers = ['setTimeout', 'clearTimeout', 'performance'] as const;
  let turns: ReadTurns;
  let directory: FakeDirectory;

  beforeEach(() => {
    vi.useFakeTimers({ toFake: [...timers] });
    turns = new ReadTurns();
    directory = new FakeDirectory(turns);
  });
  afterEach(() => void vi.useRealTimers());

  function followOthers(): void {
    for (let count = 0; count < OTHERS; count += 1) turns.join();
  }

  /** Writes to each of the files once in `everyMs`, each at its own time. */
  async function writeTo(files: readonly FakeFile[], everyMs: number, ms: number): Promise<void> {
    for (let at = 0; at < ms; at += 1) {
      for (const [index, file] of files.entries()) {
        if (index % everyMs === at % everyMs) file.write();
      }
      await vi.advanceTimersByTimeAsync(1);
    }
  }

  it('tells of each write at once where few outputs are followed', async () => {
    const files = Array.from({ length: 4 }, (_, index) => directory.file(`${index}.stdout`));
    await writeTo(files, 2, 100);
    expect(files.map(({ takenAt }) => takenAt.length)).toEqual([50, 50, 50, 50]);
  });

  it('tells of an output in turns where many are followed, and of all else at once', async () => {
    followOthers();
    const output = directory.file('c.stdout');
    const status = directory.file('c.status', false);
    const begun = performance.now();
    output.write();
    await vi.advanceTimersByTimeAsync(1);
    output.write();
    status.write();
    await vi.advanceTimersByTimeAsync(23);
    expect([output.takenAt, status.takenAt]).toEqual([[begun], [begun + 1]]);
    await vi.advanceTimersByTimeAsync(1);
    expect(output.takenAt).toEqual([begun, begun + 25]);
  });

  it('tells of all outputs that are written to all the time in the same turns', async () => {
    const files = Array.from({ length: 200 }, (_, index) => directory.file(`${index}.stdout`));
    await writeTo(files, 10, 500);
    const before = performance.now();
    await writeTo(files, 10, 500);
    const times = new Set(files.flatMap(({ takenAt }) => takenAt.filter((at) => at > before)));
    expect(times.size).toBeGreaterThanOrEqual(15);
    expect(times.size).toBeLessThanOrEqual(25);
    await vi.advanceTimersByTimeAsync(25);
    expect(files.map(({ taken }) => taken)).toEqual(files.map(() => 100));
  });

  it('looks itself where writes would wake it for nothing, and misses none', async () => {
    followOthers();
    const output = directory.file('c.stdout');
    const status = directory.file('c.status', false);
    await writeTo([output], 5, 1000);
    const { events } = directory;
    await writeTo([output], 5, 1000);
    status.write();
    await vi.advanceTimersByTimeAsync(25);
    expect(directory.events).toBe(events);
    expect([output.taken, status.taken]).toEqual([400, 1]);
  });

  it('does not look itself for outputs that are written to once a turn', async () => {
    followOthers();
    const output = directory.file('c.stdout');
    await writeTo([output], 26, 5000);
    expect(directory.isWatched).toBe(true);
    expect(output.takenAt.length).toBe(output.size);
  });

  it('does not look itself where commands are many and short', async () => {
    followOthers();
    for (let count = 0; count < 500; count += 1) {
      const output = directory.file(`c${count}.stdout`);
      const status = directory.file(`c${count}.status`, false);
      for (const file of [status, output, status, output]) file.write();
      directory.watch.hurry([`c${count}.stdout`]);
      await vi.advanceTimersByTimeAsync(1);
      expect([output.taken, status.taken]).toEqual([2, 2]);
      for (const name of ['stdout', 'status']) directory.watch.forget(`c${count}.${name}`);
      directory.written(`slot.${count}.status`);
    }
    expect(directory.isWatched).toBe(true);
  });

  it('has the kernel tell again when nothing is written any more', async () => {
    followOthers();
    const output = directory.file('c.stdout');
    await writeTo([output], 5, 1000);
    expect(directory.isWatched).toBe(false);
    await vi.advanceTimersByTimeAsync(300);
    expect(directory.isWatched).toBe(true);
    expect(vi.getTimerCount()).toBe(1);
    const begun = performance.now();
    output.write();
    await vi.advanceTimersByTimeAsync(0);
    expect(output.takenAt.at(-1)).toBe(begun);
  });

  it('tells at once of a command that begins or ends beside one that prints', async () => {
    followOthers();
    const output = directory.file('c.stdout');
    await writeTo([output], 5, 1000);
    expect(directory.isWatched).toBe(false);
    output.write();
    const status = directory.file('d.status', false);
    status.write();
    await vi.advanceTimersByTimeAsync(0);
    expect([output.taken, status.taken]).toEqual([output.size, 1]);
    await writeTo([output], 5, 1000);
    expect(directory.isWatched).toBe(false);
    directory.watch.forget('d.status');
    expect(directory.isWatched).toBe(true);
  });

  it('tells at once of what an output has at its end', async () => {
    followOthers();
    const output = directory.file('c.stdout');
    const begun = performance.now();
    output.write();
    await vi.advanceTimersByTimeAsync(1);
    output.write();
    await vi.advanceTimersByTimeAsync(0);
    directory.watch.hurry(['c.stdout']);
    await vi.advanceTimersByTimeAsync(1);
    output.write();
    await vi.advanceTimersByTimeAsync(0);
    expect(output.takenAt).toEqual([begun, begun + 1, begun + 2]);
  });

  it('leaves nothing behind when it is closed', async () => {
    followOthers();
    const output = directory.file('c.stdout');
    await writeTo([output], 5, 1000);
    directory.watch.close();
    expect(directory.isWatched).toBe(false);
    for (let count = 1; count < OTHERS; count += 1) turns.leave();
    expect(turns.gapMs).toBe(0);
  });
});

it('hears of writes to a directory that was renamed, also after it has looked itself', async () => {
  const parent = await mkdtemp(join(tmpdir(), 'rivet-watch-'));
  let path = parent;
  const turns = new ReadTurns();
  for (let count = 0; count < OTHERS; count += 1) turns.join();
  const output = OutputFile.make(join(parent, 'c.stdout'));
  const watch = new WriteWatch(() => path, turns);
  try {
    const wakeup = watch.wakeup('c.stdout', output, true);
    path = `${parent}-moved`;
    await rename(parent, path);
    let seen = 0;
    for (let count = 1; count <= 100; count += 1) {
      await appendFile(join(path, 'c.stdout'), '.');
      if (count % 10 > 0) continue;
      while (seen < count) {
        const before = performance.now();
        await wakeup.wait(10_000);
        expect(performance.now() - before).toBeLessThan(10_000);
        seen = output.size;
      }
    }
  } finally {
    watch.close();
    output.close();
    await rm(path, { recursive: true });
  }
});
