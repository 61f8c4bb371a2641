// A real program of Rivet, started as its own process: what it announces, its end, and its last
// words for a failed test.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { programEntry } from '@rivet/base';

const START_MS = 180_000;
const STOP_MS = 120_000;
const STDERR_BYTES_MAX = 200_000;

/** One JSON line that a program wrote to its standard output. */
type Announcement = Readonly<Record<string, unknown>> & { readonly event: string };

export interface Program {
  readonly name: string;
  readonly pid: number;
  /** What it wrote to its standard error, the last part of it. */
  stderr(): string;
  /**
   * Resolves with the announcement `event`; rejects when the program ends, or after three minutes.
   */
  announced(event: string): Promise<Announcement>;
  /** Resolves with its exit code, or the name of the signal that ended it. */
  readonly ended: Promise<number | string>;
  signal(name: NodeJS.Signals): void;
  /** Sends SIGTERM and waits; SIGKILL after two minutes. */
  stop(): Promise<number | string>;
}

/** The root of the repository. */
export const REPOSITORY = fileURLToPath(new URL('..', import.meta.url));

/**
 * Starts the app whose main file is `path`, as it was built.
 * @param root of the installation that the app is of; this repository when absent
 */
export function startProgram(
  name: string,
  path: string,
  env: Readonly<Record<string, string>>,
  root: string = REPOSITORY,
): Program {
  const child = spawn(process.execPath, [programEntry(root, path, env)], {
    cwd: root,
    env: { ...withoutRivet(process.env), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const announcements = readAnnouncements(child);
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-STDERR_BYTES_MAX);
  });
  const ended = once(child, 'exit').then((args: unknown[]) => {
    const [code, signal] = args as [number | null, string | null];
    return code ?? signal ?? 'unknown';
  });
  return {
    name,
    pid: child.pid ?? 0,
    stderr: () => stderr,
    ended,
    async announced(event) {
      const words = await Promise.race([
        announcements.waitFor(event),
        ended.then((end) => `ended with ${end}`),
        new Promise<string>((resolve) => {
          setTimeout(() => resolve(`did not say "${event}" in time`), START_MS).unref();
        }),
      ]);
      if (typeof words !== 'string') return words;
      throw new Error(`${name} ${words}:\n${stderr}`);
    },
    signal: (signal) => void child.kill(signal),
    async stop() {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
      try {
        return await ended;
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

function readAnnouncements(child: ChildProcess): {
  waitFor(event: string): Promise<Announcement>;
} {
  const seen: Announcement[] = [];
  const waiting: { event: string; resolve: (announcement: Announcement) => void }[] = [];
  let rest = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (!line.startsWith('{')) continue;
      const announcement = JSON.parse(line) as Announcement;
      seen.push(announcement);
      for (const wait of waiting) if (wait.event === announcement.event) wait.resolve(announcement);
    }
  });
  return {
    waitFor: (event) =>
      new Promise((resolve) => {
        const known = seen.find((announcement) => announcement.event === event);
        if (known !== undefined) resolve(known);
        else waiting.push({ event, resolve });
      }),
  };
}

function withoutRivet(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => !name.startsWith('RIVET_') && name !== 'DATABASE_URL'),
  );
}
