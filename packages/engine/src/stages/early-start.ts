// Starts the container of the stage that is certain to run next, before it is needed.
import { toRivetError } from '@rivet/base';
import { stageDependencies } from '@rivet/pipeline';
import type { PipelineBundle, PipelineDefinition, StageDefinition } from '@rivet/protocol';
import type { JobContainers, StageContainers } from '../containers/job-containers.ts';
import type { JobImages } from '../containers/job-images.ts';
import type { JobHost } from '../job.ts';
import { type Policy, refuseExcess, requireVerification, stagePolicy } from '../policy/policy.ts';

/** What the containers of a stage depend on. */
interface ContainerSurroundings {
  readonly host: JobHost;
  readonly images: JobImages;
}

/** What a stage runs in, as far as `policy` lets it. @throws RIVET_POLICY_DENIED */
export function stageContainers(
  { host, images }: ContainerSurroundings,
  stage: StageDefinition,
  policy: Policy,
): StageContainers {
  const isOwn = stage.container !== null && images.find(stage.container.image) !== undefined;
  return {
    own: stage.container === null ? undefined : policy.checkContainer(stage.container, isOwn),
    defaults: () => policy.checkContainer({ image: host.defaultImage }),
    readonly: stage.readonly,
  };
}

export interface EarlyStartOptions extends ContainerSurroundings {
  readonly definition: PipelineDefinition;
  readonly bundle: PipelineBundle;
  readonly containers: JobContainers;
  /** Ends starts that are under way. */
  readonly signal: AbortSignal;
}

export interface EarlyStart {
  /** To be called when all stages of `settled` have ended and those of `running` run. */
  after(settled: ReadonlySet<string>, running: ReadonlySet<string>): void;
}

/**
 * At most one container is ahead at a time, and none of a stage that has a condition or that runs
 * only when others fail. What cannot be started early says why when it is needed.
 */
export function createEarlyStart(options: EarlyStartOptions): EarlyStart {
  const { host, definition, containers, signal } = options;
  const dependencies = stageDependencies(definition);
  const isOff = host.earlyStart !== true || !startsCommands(options);
  const begun = new Set<string>();
  return {
    after(settled, running) {
      const hasEnded = (name: string): boolean => settled.has(name) || running.has(name);
      const isAhead = [...begun].some((name) => !hasEnded(name));
      const next = definition.stages.find(
        ({ name }) => !hasEnded(name) && (dependencies.get(name) ?? []).every(hasEnded),
      );
      if (isOff || isAhead || next === undefined || next.has_condition) return;
      // Begun for nothing it would take the machine from what runs.
      if (host.stageNeeds?.expected(next.name) === false) return;
      // Later stages without a container of their own find the one of the job.
      if (running.size + settled.size > 0 && next.container === null) return;
      begun.add(next.name);
      try {
        refuseExcess(host.policy, definition.policy);
        requireVerification(host.policy, definition);
        const policy = stagePolicy(host.policy, definition.policy, next.policy);
        containers.begin(next.name, stageContainers(options, next, policy), signal);
      } catch (error) {
        const { code } = toRivetError(error);
        host.logger.debug({ code, stage: next.name }, 'no container could be started early');
      }
    },
  };
}

/** A pipeline that never names what starts commands needs no container. */
function startsCommands({ bundle }: EarlyStartOptions): boolean {
  return Object.values(bundle.files).some((text) => /\b(?:process|container)\b/.test(text));
}
