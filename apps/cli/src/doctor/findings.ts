// Everything that `rivet doctor` looks at, in order.
import type { Config, Environment } from '../config.ts';
import type { Server } from '../contexts.ts';
import { databaseFindings } from './database.ts';
import { machineFindings } from './machine.ts';
import { podmanFindings } from './podman.ts';
import { serverFindings } from './server.ts';

/** One thing that was looked at. `note`: worth knowing, needed only for some uses. */
export interface Finding {
  readonly subject: string;
  readonly level: 'ok' | 'note' | 'problem';
  readonly seen: string;
  readonly fix: string | undefined;
}

export interface DoctorInput {
  readonly env: Environment;
  readonly config: Config;
  readonly server: Server;
  /** Whether somebody named a server; without one it is only noted that none answers. */
  readonly wantsServer: boolean;
  readonly signal: AbortSignal;
}

/** Looks at one thing after the other. Never throws, except for the reason of `signal`. */
export async function* allFindings(input: DoctorInput): AsyncGenerator<Finding> {
  for (const look of [machineFindings, podmanFindings, databaseFindings, serverFindings]) {
    input.signal.throwIfAborted();
    yield* await look(input);
  }
}
