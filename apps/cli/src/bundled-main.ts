// The entry of `rivet` as it was built. When a source has changed since, the sources are run: what
// is stale never does anything.
import './under-init.ts';
import { listenForDefinition } from './definition-ahead.ts';
import { openEarly } from './early-lua.ts';
import { asksForVersion, printVersion } from './version.ts';

const argv = process.argv.slice(2);
void (asksForVersion(argv) ? Promise.resolve(printVersion()) : start()).then(process.exit);

async function start(): Promise<number> {
  const definitionAhead = listenForDefinition(process.env);
  // Lua runs twice for a run, but once where it has run already.
  const lua = definitionAhead === undefined ? await openEarly(argv, process.env) : undefined;
  const { freshBuild } = await import('./installation.ts');
  const build = freshBuild();
  if (build === undefined) {
    await lua?.close();
    await import(new URL('./main.ts', import.meta.url).href);
    // That one ends the process.
    return await new Promise<never>(() => undefined);
  }
  const { runRivet } = await import('./run-rivet.ts');
  return await runRivet(argv, { build, lua, definitionAhead, exit: process.exit });
}
