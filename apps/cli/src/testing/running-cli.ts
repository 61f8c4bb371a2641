// Starts the real program in a test and lets it run: for signals, servers and jobs that take time.
import { type HostProcess, startProcess } from '@rivet/processes';
import { expect } from 'vitest';
import { LAUNCHER, TEST_ENV } from './run-cli.ts';

export interface RunningCli {
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Waits until standard output or error matches; fails with what was printed after 3 minutes. */
  waitFor(pattern: RegExp): Promise<void>;
  signal(name: NodeJS.Signals): void;
  /** Resolves with its exit code; null when a signal killed it. */
  readonly exit: Promise<number | null>;
}

const WAIT_MS = 180_000;

/** Starts `rivet` with these words; `env` is its whole environment besides PATH. */
export function startCli(
  args: readonly string[],
  options: { env: Record<string, string | undefined>; cwd: string },
): RunningCli {
  const child: HostProcess = startProcess({
    file: LAUNCHER,
    args,
    env: { PATH: process.env.PATH, ...TEST_ENV, ...options.env },
    cwd: options.cwd,
    stdin: 'ignore',
  });
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return {
    stdout: () => stdout,
    stderr: () => stderr,
    async waitFor(pattern) {
      const until = performance.now() + WAIT_MS;
      while (!pattern.test(stdout) && !pattern.test(stderr)) {
        if (performance.now() > until || !child.running) {
          expect.fail(`no ${pattern} in:\n${stdout}\n${stderr}`);
        }
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    signal: (name) => {
      child.kill(name);
    },
    exit: child.exit.then(({ code }) => code),
  };
}
