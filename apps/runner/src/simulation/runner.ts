// The runner of a simulated world: all of the real one but the network, the containers and what
// the jobs do.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Logger, SecretText } from '@rivet/base';
import { type JobHost, type JobSpec, noSecrets } from '@rivet/engine';
import type { JobOutcome } from '@rivet/protocol';
import type { Clock } from '../clock.ts';
import { readConfig } from '../config.ts';
import { memoryDriver } from '../fake-host.ts';
import { Runner } from '../runner.ts';
import type { ServerApi } from '../server-api.ts';
import { hashOf } from '../token-file.ts';

/** A disk that has room. */
const ROOM = {
  ...{ bytesFree: 1e12, bytesTotal: 1e12, filesFree: 1e9, filesTotal: 1e9 },
  isReadOnly: false,
};

/** A job while it runs: tells the observer of the host what it does. */
export type SimulatedJobRun = (
  spec: JobSpec,
  host: JobHost,
  signal: AbortSignal,
) => Promise<JobOutcome>;

export interface SimulatedRunnerOptions {
  readonly name: string;
  readonly capacity: number;
  readonly stateDirectory: string;
  readonly api: ServerApi;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly runJob: SimulatedJobRun;
}

/** Makes the runner; `start` of it is still to be called. */
export function makeSimulatedRunner(options: SimulatedRunnerOptions): Runner {
  const { name, capacity, stateDirectory, api, clock, logger, runJob } = options;
  const config = readConfig({
    RIVET_URL: api.url,
    RIVET_RUNNER_NAME: name,
    RIVET_RUNNER_CAPACITY: String(capacity),
    RIVET_STATE_DIRECTORY: stateDirectory,
    RIVET_WARM_CONTAINERS: '0',
  });
  return new Runner({
    ...{ config, api, clock, logger, runJob },
    version: 'simulated',
    driver: memoryDriver(),
    lua: { open: () => Promise.reject(new Error('no Lua here')), close: async () => undefined },
    policy: {},
    secretsOf: () => noSecrets,
    readDisk: async () => ROOM,
  });
}

/** Gives a runner its token before its first start. What the server knows the token by. */
export function keepRunnerToken(stateDirectory: string, text: string): Buffer {
  mkdirSync(stateDirectory, { recursive: true, mode: 0o700 });
  writeFileSync(join(stateDirectory, 'token'), `${text}\n`, { mode: 0o600 });
  return hashOfToken(new SecretText(text));
}

/** What a server knows a token by. */
export function hashOfToken(token: SecretText): Buffer {
  return Buffer.from(hashOf(token), 'hex');
}
