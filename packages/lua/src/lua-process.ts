// One Lua process as the engine sees it: started, watched over, spoken to, killed.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type HostProcess, startProcess } from '@rivet/processes';
import { CHILD_FRAME_BYTES_MAX, type Frame, FrameReader } from './wire/frames.ts';

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));
const ENTRY = fileURLToPath(new URL('./child/main.ts', import.meta.url));
/** How Node runs in every Lua process; an image is for these only. */
export const PROCESS_FLAGS: readonly string[] = [
  // Room for young objects from the start: a small program then ends before a collection.
  '--min-semi-space-size=8',
  '--max-semi-space-size=8',
  // Tables of an image need not be sorted anew for a seed of this process: only it knows the seed,
  // which is that of the build, and a script that finds collisions is slow at its own expense.
  '--no-rehash-snapshot',
  // No helper threads: memory is free when a collection returns, CPU time is that of the script.
  '--v8-pool-size=0',
  '--single-threaded-gc',
  '--expose-gc',
  '--disable-proto=delete',
  '--disallow-code-generation-from-strings',
  '--no-addons',
  '--disable-warning=ExperimentalWarning',
];
const STDERR_BYTES_MAX = 4096;
const MEGABYTE = 1024 * 1024;
/**
 * Private writable memory of an idle process while none was measured: most of it is reserved by V8
 * and never touched.
 */
const IDLE_DATA_BYTES = 640 * MEGABYTE;
/** For young objects and fragmentation: the process' own check comes first. */
const DATA_MARGIN_BYTES = 48 * MEGABYTE;

/** How a Lua process ended. */
export interface ProcessEnd {
  /** It ran out of memory, by its own heap limit or by the kernel's. */
  readonly outOfMemory: boolean;
  readonly reason: string;
}

export interface LuaProcessListener {
  /** @param bytes size of the frame it came in */
  message(message: unknown, bytes: number): void;
  /** Called once, after the last message. */
  end(end: ProcessEnd): void;
}

/** Whoever runs a program for the engine: a Lua process, or this one (`local-engine.ts`). */
export interface LuaPeer {
  /** Undefined where there is no process to be watched. */
  readonly pid: number | undefined;
  /** From now on `listener` is told what it says. */
  attach(listener: LuaProcessListener): void;
  sendFrame(frame: Buffer): void;
  /** Ends it because it broke the protocol. */
  fail(reason: string): void;
  /** Ends it; its listener is told when it is gone. */
  kill(): void;
  /** Resolves when it is gone. */
  exited(): Promise<void>;
}

export interface LuaProcessOptions {
  /** The image it starts from; undefined: the sources. */
  readonly image: string | undefined;
  /** Whether the kernel holds it to its memory, which not every machine lets us ask for. */
  readonly hardLimit: boolean;
  /** What `dataBytes` gave for another process that was ready; undefined when none was measured. */
  readonly idleDataBytes: number | undefined;
}

/**
 * A process that runs `child/main.ts`; it has no environment, no files and no network of use to it.
 */
export class LuaProcess implements LuaPeer {
  readonly #process: HostProcess;
  readonly #reader = new FrameReader(CHILD_FRAME_BYTES_MAX);
  #listener: LuaProcessListener | undefined;
  #early: Frame[] = [];
  #ended: ProcessEnd | undefined;
  #stderr = '';
  #violation: string | undefined;
  /** True when the process is ready for a program, false when it ended before. */
  readonly ready: Promise<boolean>;
  #isReady: (ready: boolean) => void = () => {};

  /** @param memoryBytes what scripts may use; the process is given that and what V8 needs itself */
  constructor(memoryBytes: number, options: LuaProcessOptions) {
    const { image, hardLimit, idleDataBytes = IDLE_DATA_BYTES } = options;
    this.ready = new Promise((resolve) => {
      this.#isReady = resolve;
    });
    this.#process = startProcess({
      file: process.execPath,
      args: nodeArguments(memoryBytes, image),
      env: {},
      cwd: '/',
      stdin: 'ignore',
      stdout: 'ignore',
      extraPipes: 1,
      // Ctrl-C at a terminal reaches its whole group: Rivet ends a job in order, with its own Lua.
      group: true,
      ...(hardLimit
        ? { dataBytesMax: idleDataBytes + slack(memoryBytes) + DATA_MARGIN_BYTES }
        : {}),
    });
    this.#process.stderr?.on('data', (chunk: Buffer) => {
      if (this.#stderr.length < STDERR_BYTES_MAX) this.#stderr += chunk.toString('utf8');
    });
    this.#process.stderr?.on('error', () => {});
    const pipe = this.#process.pipes[0];
    pipe?.on('data', (chunk: Buffer) => this.#receive(chunk));
    // A pipe that breaks is seen as the end of the process.
    pipe?.on('error', () => {});
    void this.#process.exit.then((exit) => {
      const how = exit.error?.message ?? exit.signal ?? `exit code ${exit.code}`;
      this.#finish(String(how));
    });
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  get running(): boolean {
    return this.#ended === undefined;
  }

  /** From now on `listener` is told what the process says. */
  attach(listener: LuaProcessListener): void {
    this.#listener = listener;
    const early = this.#early;
    this.#early = [];
    for (const { message, bytes } of early) listener.message(message, bytes);
    if (this.#ended !== undefined) listener.end(this.#ended);
  }

  sendFrame(frame: Buffer): void {
    const pipe = this.#process.pipes[0];
    if (pipe?.writable === true) pipe.write(frame);
  }

  /** Kills the process; its listener is told when it is gone. */
  kill(): void {
    this.#process.kill('SIGKILL');
  }

  /** Resolves when the process is gone. */
  async exited(): Promise<void> {
    await this.#process.exit;
  }

  #receive(chunk: Buffer): void {
    if (this.#violation !== undefined) return;
    try {
      for (const frame of this.#reader.push(chunk)) {
        // The first message says that the process is ready, whatever it is.
        this.#isReady(true);
        if (this.#listener === undefined) this.#early.push(frame);
        else this.#listener.message(frame.message, frame.bytes);
      }
    } catch (error) {
      this.fail(`it sent what is no message (${error instanceof Error ? error.message : error})`);
    }
  }

  /** Ends the process because it broke the protocol. */
  fail(reason: string): void {
    this.#violation ??= reason;
    this.kill();
  }

  #finish(how: string): void {
    const text = this.#stderr;
    const outOfMemory = /out of memory|allocation failed|Cannot allocate|bad_alloc/i.test(text);
    const detail = text.split('\n').find((line) => line.trim() !== '');
    const reason = this.#violation ?? `it ended with ${how}${detail ? ` (${detail.trim()})` : ''}`;
    this.#ended = { outOfMemory: outOfMemory && this.#violation === undefined, reason };
    this.#isReady(false);
    this.#listener?.end(this.#ended);
  }
}

/** How Node and the kernel hold a process to its memory. */
export interface ProcessBounds {
  readonly nodeArguments: readonly string[];
  /** Private writable memory, in bytes. */
  readonly dataBytesMax: number;
}

/** Those of a process that runs programs and more, and of whose size nothing is known. */
export function processBounds(memoryBytes: number): ProcessBounds {
  return {
    nodeArguments: [...heapArguments(memoryBytes), ...PROCESS_FLAGS],
    dataBytesMax: IDLE_DATA_BYTES + slack(memoryBytes) + DATA_MARGIN_BYTES,
  };
}

/**
 * What the heap may reach before the process' own check has noticed: tables grow in large steps.
 */
function slack(memoryBytes: number): number {
  return memoryBytes * 1.5 + 64 * MEGABYTE;
}

function nodeArguments(memoryBytes: number, image: string | undefined): string[] {
  return [
    ...heapArguments(memoryBytes),
    ...PROCESS_FLAGS,
    '--permission',
    ...(image === undefined ? [`--allow-fs-read=${PACKAGE}`, ENTRY] : ['--snapshot-blob', image]),
  ];
}

function heapArguments(memoryBytes: number): string[] {
  // The process' own check ends it first, with the line; this holds when it cannot.
  return [`--max-old-space-size=${Math.ceil(slack(memoryBytes) / MEGABYTE)}`];
}

/** What a process has used, and has. */
export interface ProcessUsage {
  /** CPU time so far, in milliseconds. */
  readonly cpuMs: number;
  readonly residentBytes: number;
}

/** Undefined when it cannot be read. */
export function usageOf(pid: number): ProcessUsage | undefined {
  try {
    const stat = readProcFile(`/proc/${pid}/stat`);
    // The name in parentheses may have spaces; utime and stime are the 12th and 13th field after
    // it, and its pages in memory the 22nd.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const cpuMs = (Number(fields[11]) + Number(fields[12])) * 10;
    const residentBytes = Number(fields[21]) * 4096;
    return Number.isFinite(cpuMs + residentBytes) ? { cpuMs, residentBytes } : undefined;
  } catch {
    return undefined;
  }
}

/** Private writable memory of a process in bytes (VmData), undefined when it cannot be read. */
export function dataBytes(pid: number): number | undefined {
  try {
    const kilobytes = /^VmData:\s+(\d+) kB/m.exec(readProcFile(`/proc/${pid}/status`));
    return kilobytes === null ? undefined : Number(kilobytes[1]) * 1024;
  } catch {
    return undefined;
  }
}

/**
 * As UTF-8, which needs no buffer: anything else of a file without a size is read into 64 KB, with
 * many programs so often that V8 collects its heap for nothing else.
 */
function readProcFile(path: string): string {
  return readFileSync(path, 'utf8');
}
