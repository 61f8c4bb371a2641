// Loads the engine that runs programs in this process, which brings the whole VM with it.
import type { LocalEngine } from './local-engine.ts';

/**
 * An engine for programs that make no host calls, one at a time, in a process that is there for
 * nothing else and has the bounds that `processBounds` says.
 * @param giveUp ends the process: a program reached a limit, asked for an effect or broke the VM
 */
export async function loadLocalEngine(giveUp: (reason: string) => never): Promise<LocalEngine> {
  const { createLocalEngine } = await import('./local-engine.ts');
  return createLocalEngine(giveUp);
}
