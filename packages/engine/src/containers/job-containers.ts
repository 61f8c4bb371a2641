// The containers of a job: a default one for all stages, one for each stage that asks for its own,
// and those that branches open on top.
import type { PipelineDefinition } from '@rivet/protocol';
import type { JobHost, JobSpec } from '../job.ts';
import type { LogWriter } from '../log/log-writer.ts';
import type { AllowedContainer } from '../policy/container.ts';
import {
  type BesideChanges,
  type BranchContainers,
  type BranchStarter,
  branchContainers,
} from './branch-containers.ts';
import type { JobImages } from './job-images.ts';
import { type LazyContainer, lazyContainer, type Use } from './lazy-container.ts';
import { type ContainerRequest, containerStarter } from './start-container.ts';

export interface JobContainers {
  /** @param run counts the runs of the stage, from 1 */
  forStage(
    stage: { readonly name: string; readonly run: number; readonly branch: string },
    containers: StageContainers,
  ): BranchContainers;
  /** Starts what the stage will run in, before it begins; nobody hears of it when that fails. */
  begin(stage: string, containers: StageContainers, signal: AbortSignal): void;
  /**
   * Tells the host which stages needed a container; to be called when the job has succeeded: what
   * others would have done is not known.
   */
  noteNeeds(): void;
  /** Removes everything, also what a failed start left. */
  closeAll(): Promise<void>;
}

/** What the containers of a stage are made from. */
export interface StageContainers {
  /** What the stage runs in; the job's default container when undefined. */
  readonly own: AllowedContainer | undefined;
  /** What the policy makes of the default container; called when it is first needed. */
  readonly defaults: () => AllowedContainer;
  /** Whether /workspace can only be read, in all of them. */
  readonly readonly: boolean;
}

export function createJobContainers(
  spec: JobSpec,
  host: JobHost,
  definition: PipelineDefinition,
  log: LogWriter,
  images: JobImages,
): JobContainers {
  const { start, adopt } = containerStarter(spec, host, definition, log, images);
  /** Stages that began, and those of them that asked for the container they run in. */
  const ran = new Set<string>();
  const needed = new Set<string>();
  const lazily = (request: ContainerRequest, onNeed?: (stage: string) => void): LazyContainer => {
    const source = {
      start: (use: Use) => start(request, use),
      adopt: () => adopt(request, {}),
    };
    return lazyContainer(request.options, source, onNeed);
  };
  // Stages whose mount or policy differs cannot share a container.
  const shared = new Map<string, LazyContainer>();
  const sharedContainer = (options: AllowedContainer, readonly: boolean): LazyContainer => {
    const key = JSON.stringify([readonly, options]);
    const known = shared.get(key);
    if (known !== undefined) return known;
    const lazy = lazily({ options, readonly, key: `default ${key}` });
    shared.set(key, lazy);
    return lazy;
  };
  /** Belongs to the job: a stage does not remove it. */
  const defaultContainer = ({
    defaults,
    readonly,
  }: Omit<StageContainers, 'own'>): LazyContainer => {
    let known: LazyContainer | undefined;
    const own = (): LazyContainer => {
      known ??= sharedContainer(defaults(), readonly);
      return known;
    };
    return {
      image: host.defaultImage,
      options: defaults,
      started: undefined,
      async get(use) {
        needed.add(use.stage);
        return await own().get(use);
      },
      begin: (use) => own().begin(use),
      adopt: () => own().adopt(),
      remove: async () => {},
    };
  };
  /** Begun for stages that have not taken them yet. */
  const begun = new Map<string, LazyContainer>();
  const containerOf = ({ own, ...rest }: StageContainers, stage: string, run: number) =>
    own === undefined
      ? defaultContainer(rest)
      : lazily({ options: own, readonly: rest.readonly, key: `stage ${stage}#${run}` }, (name) =>
          needed.add(name),
        );

  return {
    begin(stage, containers, signal) {
      const { own, defaults } = containers;
      // A program of the user before the agent is an effect, and needs all that the job knows.
      const needed = own ?? defaults();
      if ((needed.entrypoint ?? []).length > 0 || begun.has(stage)) return;
      const container = containerOf(containers, stage, 1);
      begun.set(stage, container);
      container.begin({ stage, signal });
    },
    forStage({ name: stage, run, branch }, containers) {
      const { own, readonly } = containers;
      const base = begun.get(stage) ?? containerOf(containers, stage, run);
      begun.delete(stage);
      ran.add(stage);
      const owned = own === undefined ? [] : [base];
      const requestOf = (options: AllowedContainer, key: string, changes?: BesideChanges) => ({
        options,
        readonly: readonly || changes?.readonly === true,
        key,
      });
      const starter: BranchStarter = {
        start: (options, key, use, changes) => start(requestOf(options, key, changes), use),
        adopt: (options, key, beside, changes) =>
          adopt(requestOf(options, key, changes), beside === undefined ? {} : { beside }),
      };
      return branchContainers({ stage, branch }, [base], owned, starter);
    },
    noteNeeds() {
      for (const stage of ran) host.stageNeeds?.note(stage, needed.has(stage));
    },
    async closeAll() {
      const open = [...shared.values(), ...begun.values()];
      await Promise.allSettled(open.map((each) => each.remove()));
      // Whatever a failed or interrupted start left, and what could not be removed before.
      try {
        await host.driver.removeLabelled(images.ownerLabels);
      } finally {
        await images.removeAll();
      }
    },
  };
}
