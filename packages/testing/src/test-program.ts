// Starts one of our programs as users do: as a process, with nothing but the given environment.
import { relative } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { programEntry } from '@rivet/base';
import { startProcess } from '@rivet/processes';

export interface TestProgram {
  /** Resolves with its end and what it said. */
  readonly ended: Promise<{ readonly code: number | null; readonly stderr: string }>;
  /** The JSON line with this `event` on its standard output; rejects when it ends before. */
  event(name: string): Promise<Record<string, unknown>>;
  signal(name: NodeJS.Signals): void;
  /** TERM, then KILL; safe when it has ended. */
  stop(): Promise<void>;
}

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** Starts the program whose source is `entry`, as users would: as it was built, where it was. */
export function startProgram(
  entry: URL,
  env: Readonly<Record<string, string>>,
  args: readonly string[] = [],
): TestProgram {
  const child = startProcess({
    file: process.execPath,
    args: [programEntry(root, relative(root, fileURLToPath(entry)), env), ...args],
    env: { PATH: process.env.PATH, TMPDIR: process.env.TMPDIR, ...env },
    stdin: 'ignore',
  });
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const events: Record<string, unknown>[] = [];
  const waiting = new Set<() => void>();
  if (child.stdout !== undefined) {
    createInterface({ input: child.stdout }).on('line', (line) => {
      events.push(JSON.parse(line));
      for (const look of waiting) look();
    });
  }
  const ended = child.exit.then(({ code }) => ({ code, stderr }));
  return {
    ended,
    event(name) {
      return new Promise((resolve, reject) => {
        const look = (): void => {
          const found = events.find(({ event }) => event === name);
          if (found !== undefined) resolve(found);
        };
        waiting.add(look);
        look();
        void ended.then(({ code }) =>
          reject(new Error(`it ended with ${code} before the event ${name}: ${stderr}`)),
        );
      });
    },
    signal: (name) => void child.kill(name),
    async stop() {
      await child.stop(5000);
    },
  };
}
