// The entry of `rivet` that starts from the sources.
import './under-init.ts';
import { enableCompileCache } from 'node:module';
import { openEarly } from './early-lua.ts';
import { asksForVersion, printVersion } from './version.ts';

const argv = process.argv.slice(2);
void (asksForVersion(argv) ? Promise.resolve(printVersion()) : start()).then(process.exit);

async function start(): Promise<number> {
  // What the launcher does, for whoever starts this file without it.
  const { NODE_COMPILE_CACHE, XDG_CACHE_HOME, HOME } = process.env;
  const base = XDG_CACHE_HOME || (HOME && `${HOME}/.cache`);
  if (NODE_COMPILE_CACHE === undefined && base) enableCompileCache(`${base}/rivet/node`);
  const lua = await openEarly(argv, process.env);
  const { runRivet } = await import('./run-rivet.ts');
  return await runRivet(argv, {
    build: undefined,
    lua,
    definitionAhead: undefined,
    exit: process.exit,
  });
}
