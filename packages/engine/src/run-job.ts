// Runs one attempt of a job from its pipeline file to its outcome.
import { join } from 'node:path';
import { type RivetError, toRivetError } from '@rivet/base';
import type { LuaHost } from '@rivet/lua';
import { renderLuaError } from '@rivet/lua';
import type { JobOutcome } from '@rivet/protocol';
import { createBranches } from './branch.ts';
import { createJobContainers, type JobContainers } from './containers/job-containers.ts';
import { createDispatcher } from './dispatcher.ts';
import type { JobHost, JobSpec, RunJob } from './job.ts';
import type { JobContext } from './job-context.ts';
import { createJournal, type JournalWriter } from './journal/journal-writer.ts';
import { createLogWriter } from './log/log-writer.ts';
import { failedOutcome, reportFailed } from './outcome.ts';
import { createOutputStore } from './output-store.ts';
import { createPolicy } from './policy.ts';
import { createScriptHolder, openScript, type ScriptHolder } from './script.ts';
import { createJobControl, type JobControl } from './stages/job-control.ts';
import { runStages } from './stages/run-stages.ts';

/** Runs one attempt of a job; see `RunJob`. */
export const runJob: RunJob = async (spec, host, signal) => {
  const attempt = createAttempt(spec, host);
  try {
    return await attempt.run(signal);
  } catch (error) {
    return await attempt.failed(toRivetError(error));
  } finally {
    await attempt.close();
  }
};

interface Attempt {
  run(signal: AbortSignal): Promise<JobOutcome>;
  failed(error: RivetError): Promise<JobOutcome>;
  close(): Promise<void>;
}

function createAttempt(spec: JobSpec, host: JobHost): Attempt {
  const startedAtMs = Date.now();
  const logger = host.logger.child({ job: spec.id, attempt: spec.attempt });
  let control: JobControl | undefined;
  let journal: JournalWriter | undefined;
  let containers: JobContainers | undefined;
  let scripts: ScriptHolder | undefined;
  /** A failure from before the job is under control. */
  let early: RivetError | undefined;
  const fail = (error: RivetError): void => {
    early ??= error;
    control?.stop(error);
  };
  const log = createLogWriter({
    bytesMax: host.limits.logBytesMax,
    line: (line) => host.observer.line(line),
    onFailure: fail,
  });
  const cleanUp = async (what: string, action: () => void | Promise<void>): Promise<void> => {
    try {
      await action();
    } catch (error) {
      logger.error({ err: error, what }, 'a job could not be cleaned up');
    }
  };

  return {
    async run(signal) {
      journal = createJournal(join(host.stateDirectory, 'journal'), spec);
      let dispatcher: LuaHost | undefined;
      const calls: LuaHost = {
        call: (call) =>
          dispatcher?.call(call) ?? Promise.reject(new Error('a host call during the evaluation')),
      };
      scripts = createScriptHolder(() => openScript(spec, host, calls, startedAtMs));
      const { definition } = await scripts.current();
      const timeoutMs = definition.timeout_ms ?? host.limits.timeoutMs;
      const { cancelGraceMs } = host.limits;
      control = createJobControl({ timeoutMs, cancelGraceMs, signal });
      if (early !== undefined) control.stop(early);
      const policy = createPolicy(definition.policy);
      containers = createJobContainers(spec, host, definition, log, () =>
        policy.checkContainer({ image: host.defaultImage }),
      );
      const job: JobContext = {
        spec,
        host,
        definition,
        policy,
        log,
        journal,
        outputs: createOutputStore(async (name, value) => {
          try {
            await host.observer.output(name, value);
          } catch (error) {
            fail(reportFailed(error));
          }
        }),
        branches: createBranches(),
        logger,
        startedAtMs,
        fail,
      };
      dispatcher = createDispatcher(job);
      return await runStages({ job, control, containers }, scripts);
    },
    async failed(error) {
      if (error.fault !== 'user') logger.error({ err: error }, 'a job could not be run');
      const origin = { stage: '', level: 'error', stream: 'system', groups: [] } as const;
      await log.write(origin, renderLuaError(error));
      return failedOutcome(error);
    },
    async close() {
      control?.close();
      await cleanUp('the Lua process', () => scripts?.close());
      await cleanUp('the containers', () => containers?.closeAll());
      await cleanUp('the log', () => log.flush());
      await cleanUp('the journal', () => journal?.close());
    },
  };
}
