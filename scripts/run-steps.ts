// Runs the checks of `npm run check` and `npm test` and counts them.
import { spawn } from 'node:child_process';

/** A check: a command of this checkout, and the command that mends what it finds. */
export interface Step {
  readonly name: string;
  readonly command: readonly string[];
  /** Shown when it fails. */
  readonly mend: string;
  /** Whether its own output is worth seeing when it succeeds. */
  readonly verbose?: boolean;
}

export const staticSteps: readonly Step[] = [
  { name: 'format and lint', command: ['biome', 'check', '.'], mend: 'npm run format' },
  { name: 'types', command: ['tsc', '--noEmit'], mend: 'npm run types' },
  { name: 'unused code', command: ['knip', '--cache'], mend: 'npm run unused' },
];

/** Runs one step; its output is shown when it fails. Resolves with whether it succeeded. */
export async function runStep(step: Step): Promise<boolean> {
  const started = performance.now();
  const [file = '', ...args] = step.command;
  const child = spawn(`node_modules/.bin/${file}`, args, {
    stdio: step.verbose === true ? 'inherit' : ['ignore', 'pipe', 'pipe'],
    env: process.stdout.isTTY ? process.env : { ...process.env, NO_COLOR: '1' },
  });
  const output: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => output.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => output.push(chunk));
  const code = await new Promise<number>((resolve) => {
    child.once('error', (error) => {
      output.push(Buffer.from(`${file} could not be started: ${error.message}\n`));
      resolve(1);
    });
    child.once('close', (status) => resolve(status ?? 1));
  });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  if (code === 0) {
    process.stdout.write(`ok    ${step.name} (${seconds}s)\n`);
    return true;
  }
  process.stdout.write(Buffer.concat(output).toString());
  process.stdout.write(`FAIL  ${step.name} (${seconds}s); to see or mend it: ${step.mend}\n`);
  return false;
}
