// Puts the runner together: the one place that chooses its real parts.
import { readFileSync } from 'node:fs';
import { describeThrown, type Logger, optimiseHotCode, RivetError } from '@rivet/base';
import { createPodmanDriver } from '@rivet/containers';
import type { InstallationPolicy, RunJob } from '@rivet/engine';
import { createLuaEngine } from '@rivet/lua';
import { createHttpFetch, createPinnedFetch, type Fetch } from '@rivet/protocol';
import { bootClock } from './clock.ts';
import type { RunnerConfig } from './config.ts';
import { Runner } from './runner.ts';
import { createServerApi } from './server-api.ts';
import { createServerSecrets } from './server-secrets.ts';
import { growYoungGeneration } from './young-generation.ts';

/** Loaded with the first job: it is most of this program, and a runner may wait for days. */
const runJob: RunJob = async (...job) => {
  optimiseHotCode(true);
  growYoungGeneration(true);
  const engine = await import('@rivet/engine');
  return await engine.runJob(...job);
};

/** @throws RIVET_SERVER_URL_INVALID, RIVET_CA_INVALID */
export function composeRunner(
  config: RunnerConfig,
  policy: InstallationPolicy,
  logger: Logger,
): { runner: Runner; close: () => Promise<void> } {
  const version = readVersion();
  const api = createServerApi({
    url: config.url,
    userAgent: `rivet-runner/${version}`,
    fetch: config.caFile === undefined ? createHttpFetch() : pinnedFetch(config.caFile),
  });
  const driver = createPodmanDriver({
    logger,
    defaultImage: config.defaultImage,
    insecureRegistries: policy.container?.insecure_registries,
    signaturePolicy: policy.container?.signature_policy,
    controlDirectory: config.controlDirectory,
  });
  const lua = createLuaEngine({
    memoryBytesMax: config.limits.lua.memoryBytes,
    keepReady: config.readyLua,
    useImage: config.bundled,
  });
  return {
    runner: new Runner({
      config,
      version,
      api,
      driver,
      lua,
      runJob,
      policy,
      secretsOf: (job, fence) => createServerSecrets(api, job, fence),
      clock: bootClock,
      logger,
    }),
    async close() {
      await lua.close();
      await driver.close();
    },
  };
}

function pinnedFetch(path: string): Fetch {
  let pem: string;
  try {
    pem = readFileSync(path, 'utf8');
  } catch (error) {
    const reason = describeThrown(error);
    throw RivetError.of('RIVET_CA_INVALID', { source: path, reason }, error);
  }
  return createPinnedFetch(pem, path);
}

function readVersion(): string {
  const manifest = new URL('../package.json', import.meta.url);
  const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
  return version;
}
