// Runs the real program in a test: `await cli('check', file).exits(2).stdout(/…/).run()`.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { outcomeOf, startProcess } from '@rivet/processes';
import { expect } from 'vitest';

/** What users start: it runs what was built, unless a source has changed since. */
export const LAUNCHER = fileURLToPath(new URL('../../bin/rivet', import.meta.url));

/** Nothing of a test is kept in the caches of the user. */
export const TEST_ENV = { TZ: 'UTC', NODE_DISABLE_COMPILE_CACHE: '1' };

export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** One run of `rivet`, and what is expected of it. */
export class CliRun {
  readonly #args: readonly string[];
  readonly #expectations: ((result: CliResult) => void)[] = [];
  #env: Record<string, string> = {};
  #cwd: string | undefined;
  #stdin: string | undefined;

  constructor(args: readonly string[]) {
    this.#args = args;
  }

  /** Besides PATH and a HOME of its own. */
  env(env: Record<string, string>): this {
    this.#env = { ...this.#env, ...env };
    return this;
  }

  in(directory: string): this {
    this.#cwd = directory;
    return this;
  }

  stdin(content: string): this {
    this.#stdin = content;
    return this;
  }

  exits(code: number): this {
    const command = `rivet ${this.#args.join(' ')}`;
    this.#expectations.push((result) => {
      expect(result.code, `${command}\n${result.stdout}\n${result.stderr}`).toBe(code);
    });
    return this;
  }

  stdout(pattern: RegExp | string): this {
    this.#expectations.push(({ stdout }) => expectText(stdout, pattern));
    return this;
  }

  stderr(pattern: RegExp | string): this {
    this.#expectations.push(({ stderr }) => expectText(stderr, pattern));
    return this;
  }

  /** Runs it; fails the test when something was expected otherwise, and for every stack trace. */
  async run(): Promise<CliResult> {
    const home = await mkdtemp(join(tmpdir(), 'rivet-cli-home-'));
    try {
      const child = startProcess({
        file: LAUNCHER,
        args: this.#args,
        env: { PATH: process.env.PATH, HOME: home, ...TEST_ENV, ...this.#env },
        ...(this.#cwd === undefined ? {} : { cwd: this.#cwd }),
        stdin: this.#stdin === undefined ? 'ignore' : 'pipe',
      });
      child.stdin?.on('error', () => undefined).end(this.#stdin);
      const { code, stdout, stderr } = await outcomeOf(child);
      const result = { code, stdout, stderr };
      for (const expectation of this.#expectations) expectation(result);
      expect(stderr, 'no stack trace').not.toMatch(/^\s+at .*:\d+:\d+\)?$/m);
      return result;
    } finally {
      await rm(home, { recursive: true, force: true });
    }
  }
}

/** Prepares a run of `rivet` with these words. */
export function cli(...args: readonly string[]): CliRun {
  return new CliRun(args);
}

function expectText(text: string, pattern: RegExp | string): void {
  if (typeof pattern === 'string') expect(text).toBe(pattern);
  else expect(text).toMatch(pattern);
}
