// What the programs of this app have in common: they say what went wrong and exit with its code.
import { type RivetError, toRivetError } from '@rivet/base';

/**
 * Runs a program to its end. An error is printed on standard error as one message with what to do,
 * and becomes the exit code of the catalogue.
 */
export async function runToExit(main: () => Promise<void>): Promise<void> {
  try {
    await main();
    process.exitCode = 0;
  } catch (thrown) {
    const error = toRivetError(thrown);
    process.stderr.write(`${describe(error)}\n`);
    process.exitCode = error.entry.exit;
  }
  // Whatever still holds the loop open must not keep a program alive that has ended.
  process.exit();
}

/** One JSON line on standard output, for the program that started this one. */
export function announce(event: Readonly<Record<string, unknown>>): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

function describe(error: RivetError): string {
  const cause =
    error.code === 'RIVET_INTERNAL' && error.cause instanceof Error ? error.cause : undefined;
  const stack = cause?.stack === undefined ? '' : `\n${cause.stack}`;
  return `error: ${error.message}\n  ${error.solve} [${error.code}]${stack}`;
}
