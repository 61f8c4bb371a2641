// Runs the real program in a pseudo-terminal, made by `script` of util-linux, and types into it.
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type HostProcess, type ProcessExit, startProcess } from '@rivet/processes';
import { expect } from 'vitest';
import { LAUNCHER, TEST_ENV } from './run-cli.ts';

/** Why there can be no terminal on this machine; undefined when there can. */
export function terminalMissing(): string | undefined {
  const directories = (process.env.PATH ?? '').split(delimiter);
  return directories.some((directory) => existsSync(join(directory, 'script')))
    ? undefined
    : 'the program "script" of util-linux is not installed';
}

export interface Terminal {
  /** Everything that was written to the terminal so far. */
  readonly text: () => string;
  /** Waits until the text after the last match of this method matches; fails after a minute. */
  waitFor(pattern: RegExp): Promise<void>;
  /** Types; `\r` is Enter, `\u0003` Ctrl-C. */
  type(keys: string): void;
  readonly exit: Promise<ProcessExit>;
  kill(): void;
}

/** Starts `rivet` with these words in a terminal of 100 columns. */
export function openTerminal(
  args: readonly string[],
  options: { env: Record<string, string>; cwd: string },
): Terminal {
  const words = [LAUNCHER, ...args].map((word) => `'${word.replaceAll("'", "'\\''")}'`);
  const child: HostProcess = startProcess({
    file: 'script',
    args: ['-qec', `stty cols 100 rows 40; exec ${words.join(' ')}`, '/dev/null'],
    env: {
      PATH: process.env.PATH,
      TERM: 'xterm-256color',
      ...TEST_ENV,
      SHELL: '/bin/sh',
      ...options.env,
    },
    cwd: options.cwd,
    group: true,
  });
  let text = '';
  let seen = 0;
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  child.stdin?.on('error', () => undefined);
  return {
    text: () => text,
    async waitFor(pattern) {
      await expect
        .poll(() => pattern.test(text.slice(seen)), {
          timeout: 60_000,
          interval: 20,
          message: `waiting for ${pattern}`,
        })
        .toBe(true)
        .catch((error: unknown) => {
          throw new Error(`${String(error)}\nseen:\n${JSON.stringify(text)}`);
        });
      const match = pattern.exec(text.slice(seen));
      seen += (match?.index ?? 0) + (match?.[0].length ?? 0);
    },
    type: (keys) => {
      child.stdin?.write(keys);
    },
    exit: child.exit,
    kill: () => {
      child.kill('SIGKILL');
    },
  };
}
