// One run of a stage: what its branches share, and what is settled when it ends.
import { describeThrown, type RivetError } from '@rivet/base';
import type { SourcePosition } from '@rivet/lua';
import type { SpawnedCommand } from '../commands/spawned-command.ts';
import type { StartedCommand } from '../commands/start-command.ts';
import type { Policy } from '../policy/policy.ts';
import type { SecretFile } from '../secrets/secret-file.ts';

/** A command whose exit code was not zero and that nobody looked at yet. */
interface UncheckedExit {
  readonly shown: string;
  readonly exitCode: number;
  readonly position: SourcePosition | undefined;
}

export interface StageRun {
  readonly stage: string;
  /** Counts the runs of the stage in this attempt, from 1. */
  readonly run: number;
  /** What its calls may do. */
  readonly policy: Policy;
  /** Whether the condition of the stage is being asked: effects are refused then. */
  inCondition: boolean;
  /** Aborts when the stage must stop. */
  readonly signal: AbortSignal;
  stop(reason: RivetError): void;
  /** Host calls since the stage was told to stop. */
  callsAfterStop: number;
  /** Gives up waiting for a script that goes on although it was told to stop. */
  abandon(): void;
  readonly abandoned: Promise<void>;
  /**
   * Set when the stage has ended although its script has not: its calls are never answered again.
   */
  parked: boolean;
  readonly unchecked: Map<number, UncheckedExit>;
  /** Commands that run now, spawned ones among them. */
  readonly running: Set<StartedCommand>;
  readonly spawned: Map<number, SpawnedCommand>;
  readonly parallels: Map<number, ParallelGroup>;
  /** What secret.file wrote; removed when the stage ends. */
  readonly secretFiles: SecretFile[];
}

/** The branches of one process.parallel. */
export interface ParallelGroup {
  readonly failFast: boolean;
  /** Aborts when an item failed and the others must stop. */
  readonly controller: AbortController;
  readonly failures: {
    readonly item: string;
    readonly message: string;
    readonly error: RivetError | undefined;
  }[];
}

export function createStageRun(stage: string, run: number, policy: Policy): StageRun {
  const controller = new AbortController();
  const abandoned = Promise.withResolvers<void>();
  return {
    stage,
    run,
    policy,
    inCondition: false,
    signal: controller.signal,
    stop: (reason) => controller.abort(reason),
    callsAfterStop: 0,
    abandon: () => abandoned.resolve(),
    abandoned: abandoned.promise,
    parked: false,
    unchecked: new Map(),
    running: new Set(),
    spawned: new Map(),
    parallels: new Map(),
    secretFiles: [],
  };
}

/** Stops what runs, all of it or what is in one container; resolves when it has ended. */
export async function stopCommands(
  stage: StageRun,
  container: string | undefined,
  graceMs: number,
  report: (problem: string) => void,
): Promise<void> {
  const stopping = [...stage.running].filter(
    (command) => container === undefined || command.container === container,
  );
  await Promise.all(
    stopping.map(async (command) => {
      try {
        await command.stop(graceMs);
      } catch (error) {
        report(describeThrown(error));
      }
    }),
  );
}
