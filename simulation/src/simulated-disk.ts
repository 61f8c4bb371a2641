// The disk of simulated processes: the real one, whose reads and writes are done at once, so that
// their order is that of the calls. Each is a step in which its process may die.
import fs from 'node:fs';
import promises from 'node:fs/promises';
import { never, SimulatedProcess } from './simulated-process.ts';

type Call = (...values: unknown[]) => unknown;

/** Decides about a write before it is done: false leaves it out. */
export type DiskFilter = (name: string, values: readonly unknown[]) => boolean;

let filter: DiskFilter = () => true;

/** What `filter` refuses is said to be done, and is not. */
export function filterDisk(next: DiskFilter): void {
  filter = next;
}

/** What our programs call of those that do not wait. */
const SYNC_NAMES = ['mkdirSync', 'openSync', 'rmSync', 'writeFileSync', 'writevSync'] as const;

/** To be called once; the caller syncs the exports of Node's modules. */
export function replaceDisk(): void {
  const sync = { ...fs };
  const asynchronous = { ...promises };
  for (const [name, function_] of Object.entries(asynchronous)) {
    const atOnce = (sync as unknown as Record<string, Call | undefined>)[`${name}Sync`];
    if (atOnce === undefined) continue;
    const real = function_ as Call;
    Object.assign(promises, {
      [name]: (...values: unknown[]) => {
        const process = SimulatedProcess.current;
        if (process === undefined) return real(...values);
        return inTurn(process, () => (filter(name, values) ? atOnce(...values) : undefined));
      },
    });
  }
  Object.assign(promises, {
    open: (...values: Parameters<typeof promises.open>) => {
      const process = SimulatedProcess.current;
      if (process === undefined) return asynchronous.open(...values);
      const [path, flags = 'r', mode] = values;
      return inTurn(process, () =>
        handleOf(process, opened(process, sync.openSync(path, flags, mode))),
      );
    },
  });
  for (const name of SYNC_NAMES) {
    const real = sync[name] as Call;
    Object.assign(fs, {
      [name]: (...values: unknown[]) => {
        const process = SimulatedProcess.current;
        process?.stepOrThrow();
        if (process !== undefined && !filter(name, values)) return pretend(name, values);
        const result = real(...values);
        if (process !== undefined && name === 'openSync') opened(process, result as number);
        return result;
      },
    });
  }
  Object.assign(fs, {
    closeSync: (file: number) => {
      const process = SimulatedProcess.current;
      // Those of a dead one are closed, and their numbers may be another's.
      if (process === undefined || process.files.delete(file)) sync.closeSync(file);
    },
  });
}

function opened(process: SimulatedProcess, file: number): number {
  process.files.add(file);
  return file;
}

/** What a write that is left out would answer. */
function pretend(name: string, values: readonly unknown[]): unknown {
  if (name !== 'writevSync') return undefined;
  return (values[1] as readonly Uint8Array[]).reduce((sum, { length }) => sum + length, 0);
}

async function inTurn<T>(process: SimulatedProcess, work: () => T): Promise<T> {
  if (!process.step()) return never();
  return work();
}

/** As much of a file handle as our programs use. Nothing is synced: no machine dies here. */
function handleOf(process: SimulatedProcess, fd: number): object {
  const { writeSync, writeFileSync, readSync } = fs;
  return {
    fd,
    write: (bytes: Uint8Array, offset = 0) =>
      inTurn(process, () => ({ bytesWritten: writeSync(fd, bytes, offset) })),
    writeFile: (content: string | Uint8Array) => inTurn(process, () => writeFileSync(fd, content)),
    read: (buffer: Uint8Array, offset: number, length: number, position: number) =>
      inTurn(process, () => ({ bytesRead: readSync(fd, buffer, offset, length, position) })),
    sync: () => inTurn(process, () => undefined),
    close: async () => fs.closeSync(fd),
  };
}
