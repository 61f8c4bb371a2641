// The workspace of one job as the `fs` module works with it, and the watch over its size.
import { toRivetError } from '@rivet/base';
import type { JobContext } from '../job-context.ts';
import type { StageRun } from '../stages/stage-run.ts';
import type { FsCall } from './fs-failure.ts';
import { inJail, type Jail } from './jail.ts';
import { workspaceFull } from './space-limits.ts';
import { createWorkspaceUsage, type WorkspaceUsage } from './workspace-usage.ts';

/** Calls of one job at a time: each may hold a descriptor for every directory of a deep tree. */
const CALLS_MAX = 4;

export interface JobWorkspace {
  readonly usage: WorkspaceUsage;
  /** Runs an action in the workspace, after those that are in line before it. */
  enter<T>(call: FsCall, action: (jail: Jail) => Promise<T> | T): Promise<T>;
}

export function createJobWorkspace(workspace: string): JobWorkspace {
  const line: (() => void)[] = [];
  let inside = 0;
  // Measuring ends with the stage that asks for it, at the latest.
  const signal = new AbortController().signal;
  return {
    usage: createWorkspaceUsage({ function: 'workspace_max', workspace, signal }),
    async enter(call, action) {
      if (inside >= CALLS_MAX) await new Promise<void>((resolve) => line.push(resolve));
      else inside += 1;
      try {
        call.signal.throwIfAborted();
        return await inJail(call, action);
      } finally {
        const next = line.shift();
        if (next === undefined) inside -= 1;
        else next();
      }
    },
  };
}

/** What stops watching; `settle` looks a last time, and throws when the workspace is too large. */
interface WorkspaceWatch {
  settle(): Promise<void>;
  stop(): void;
}

/**
 * Stops a stage whose commands fill the workspace beyond its policy. Without a limit it does
 * nothing and costs nothing.
 */
export function watchWorkspace(job: JobContext, run: StageRun): WorkspaceWatch {
  const limit = run.policy.fs.workspaceBytesMax;
  if (limit === undefined || run.inCondition) {
    return { settle: async () => {}, stop: () => {} };
  }
  const { usage } = job.workspace;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  const look = async (): Promise<void> => {
    const found = await usage.measure();
    if (found > limit) throw workspaceFull(found, limit);
  };
  const next = (): void => {
    timer = setTimeout(() => {
      look().then(
        () => {
          if (!stopped) next();
        },
        (error: unknown) => {
          if (!stopped) run.stop(toRivetError(error));
        },
      );
    }, usage.waitMs).unref();
  };
  next();
  return {
    settle: look,
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
