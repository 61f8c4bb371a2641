// Runs `rivet` in this process.
import { contextOfProcess, type RivetProcess } from './command-context.ts';
import { runProgram } from './program.ts';

/** Runs `rivet` with the words of its command line; gives the exit code. */
export async function runRivet(argv: readonly string[], process: RivetProcess): Promise<number> {
  return await runProgram(argv, contextOfProcess(process));
}
