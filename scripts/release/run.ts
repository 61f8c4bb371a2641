// Runs the programs that a release is made with: git and npm.
import { execFile } from 'node:child_process';

export interface RunOptions {
  readonly cwd: string;
  /** Exit codes beside 0 that are answers and no failures. */
  readonly alsoOk?: readonly number[];
}

/** What a program has printed; rejects with its complaint when it fails. */
export function run(
  file: string,
  args: readonly string[],
  { cwd, alsoOk = [] }: RunOptions,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const options = { cwd, encoding: 'buffer', maxBuffer: 512 * 1024 * 1024 } as const;
    execFile(file, args, options, (error, stdout, stderr) => {
      if (error === null || alsoOk.some((code) => code === error.code)) return resolve(stdout);
      const complaint = stderr.toString().trim().split('\n').slice(-12).join('\n');
      reject(new Error(`${file} ${args.join(' ')}: ${complaint || error.message}`));
    });
  });
}
