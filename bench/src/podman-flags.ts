// The flags with which bare podman starts a container on this machine, so that the peer runs under
// the same conditions.
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { BASE_IMAGE, rivet, runCommand } from './command.ts';

export interface PodmanFlags {
  /** Before the subcommand. */
  readonly global: readonly string[];
  /** Of `podman run`. */
  readonly run: readonly string[];
}

let found: Promise<PodmanFlags> | undefined;

/** What Rivet found out about this machine and remembered; `rivet doctor` makes it find out. */
export function podmanFlags(): Promise<PodmanFlags> {
  found ??= (async () => {
    const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');
    // It also names what else is broken, such as a server that does not run: no concern of ours.
    await runCommand(rivet, ['doctor']).catch(() => undefined);
    const text = await readFile(join(cache, 'rivet', 'podman.json'), 'utf8').catch(() => '{}');
    const { flags } = JSON.parse(text) as { flags?: PodmanFlags };
    const chosen = { global: flags?.global ?? [], run: flags?.run ?? [] };
    // Fails with Podman's own words when the machine cannot do it.
    await runCommand('podman', [
      ...chosen.global,
      'run',
      '--rm',
      ...chosen.run,
      BASE_IMAGE,
      'true',
    ]);
    return chosen;
  })();
  return found;
}
