// A program of Rivet as a process of its own: what it announces, what it uses, its last words.
import { readFile } from 'node:fs/promises';
import { programEntry } from '@rivet/base';
import { type HostProcess, startProcess } from '@rivet/processes';
import { root } from './command.ts';

const START_MS = 60_000;
const STOP_MS = 40_000;
const STDERR_BYTES_MAX = 20_000;
/** Of one tick in `/proc/<pid>/stat`, on every Linux. */
const TICK_MS = 10;

export interface Program {
  readonly pid: number;
  /** The last part of what it wrote to its standard error. */
  stderr(): string;
  /** The announcement `event`. @throws when the program ends, or a minute passes, before it */
  announced(event: string): Promise<Readonly<Record<string, unknown>>>;
  kill(signal: NodeJS.Signals): void;
  /** TERM, and KILL after 40 seconds; safe to call twice. */
  stop(): Promise<void>;
}

/** What a process has used, and has now. */
export interface ProcessUsage {
  /** Processor time since its start, user and system, in milliseconds. */
  readonly cpuMs: number;
  readonly residentBytes: number;
}

/**
 * Starts the program whose main file is `path` below the root of the repository as an operator
 * would, as it was built, with the Node that runs the benchmark. Settings of Rivet in our own
 * environment are not passed on.
 */
export function startProgram(
  path: string,
  settings: Readonly<Record<string, string>>,
  args: readonly string[] = [],
): Program {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !name.startsWith('RIVET_') && name !== 'DATABASE_URL',
  );
  const child = startProcess({
    file: process.execPath,
    args: [programEntry(root, path, settings), ...args],
    cwd: root,
    env: { ...Object.fromEntries(inherited), ...settings },
    stdin: 'ignore',
  });
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-STDERR_BYTES_MAX);
  });
  const announcements = readAnnouncements(child);
  return {
    pid: child.pid ?? 0,
    stderr: () => stderr,
    async announced(event) {
      const late = AbortSignal.timeout(START_MS);
      const words = await Promise.race([
        announcements.waitFor(event),
        child.exit.then(({ code, signal }) => `ended with ${code ?? signal}`),
        new Promise<string>((resolve) => {
          late.onabort = () => resolve(`did not announce "${event}" within ${START_MS / 1000} s`);
        }),
      ]);
      if (typeof words !== 'string') return words;
      throw new Error(`${path} ${words}:\n${stderr}`);
    },
    kill: (signal) => void child.kill(signal),
    async stop() {
      await child.stop(STOP_MS);
    },
  };
}

/** @throws when there is no such process */
export async function processUsage(pid: number): Promise<ProcessUsage> {
  const [stat, status] = await Promise.all([
    readFile(`/proc/${pid}/stat`, 'utf8'),
    readFile(`/proc/${pid}/status`, 'utf8'),
  ]);
  // The name of the program stands in parentheses and may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(status) ?? [];
  return {
    cpuMs: (Number(fields[11]) + Number(fields[12])) * TICK_MS,
    residentBytes: Number(kilobytes ?? 0) * 1024,
  };
}

type Announcement = Readonly<Record<string, unknown>>;

function readAnnouncements(child: HostProcess): {
  waitFor(event: string): Promise<Announcement>;
} {
  const seen: Announcement[] = [];
  const waiting = new Map<string, (announcement: Announcement) => void>();
  let rest = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines.filter((one) => one.startsWith('{'))) {
      const announcement = JSON.parse(line) as Announcement;
      seen.push(announcement);
      waiting.get(String(announcement.event))?.(announcement);
    }
  });
  return {
    waitFor: (event) =>
      new Promise((resolve) => {
        const known = seen.find((announcement) => announcement.event === event);
        if (known === undefined) waiting.set(event, resolve);
        else resolve(known);
      }),
  };
}
