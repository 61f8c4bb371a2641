// The version of this installation, which is said without loading anything.
import { readFileSync } from 'node:fs';

/** Whether the words of the command line ask for nothing else. */
export function asksForVersion(argv: readonly string[]): boolean {
  return argv.length === 1 && (argv[0] === '--version' || argv[0] === '-V');
}

/** Prints it; gives the exit code. */
export function printVersion(): number {
  const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  process.stdout.on('error', () => undefined);
  process.stdout.write(`${(JSON.parse(manifest) as { version: string }).version}\n`);
  return 0;
}
