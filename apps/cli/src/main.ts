// The entry of `rivet`. Loads as little as the request needs: `rivet --version` reads one file.
import { readFileSync } from 'node:fs';
import { enableCompileCache } from 'node:module';

process.exit(await main(process.argv.slice(2)));

async function main(argv: readonly string[]): Promise<number> {
  if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-V')) {
    const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
    process.stdout.on('error', () => undefined);
    process.stdout.write(`${(JSON.parse(manifest) as { version: string }).version}\n`);
    return 0;
  }
  keepCompiledCode();
  const [{ exitCodes }, { createOutput }, { listenForInterrupts }, { runProgram }] =
    await Promise.all([
      import('./exit-codes.ts'),
      import('./output.ts'),
      import('./interrupt.ts'),
      import('./program.ts'),
    ]);
  const { env, stdin, stdout, stderr } = process;
  const output = createOutput({ stdout, stderr, env });
  const interrupt = listenForInterrupts(() => process.exit(exitCodes.interrupted));
  // Questions go to standard error, so that a piped result does not forbid them.
  const interactive = stdin.isTTY === true && stderr.isTTY === true && env.TERM !== 'dumb';
  return await runProgram(argv, { env, cwd: process.cwd(), output, interrupt, interactive });
}

/** What the launcher does, for whoever starts this file without it. */
function keepCompiledCode(): void {
  const { NODE_COMPILE_CACHE, XDG_CACHE_HOME, HOME } = process.env;
  const base = XDG_CACHE_HOME || (HOME && `${HOME}/.cache`);
  if (NODE_COMPILE_CACHE === undefined && base) enableCompileCache(`${base}/rivet/node`);
}
