// What a stage may do: the rules of the installation, narrowed by its pipeline, then by itself.
import { RivetError } from '@rivet/base';
import { type InstallationPolicy, policyExcess } from '@rivet/pipeline';
import type { ContainerOptions, PipelineDefinition, PipelinePolicy } from '@rivet/protocol';
import {
  type AllowedContainer,
  checkContainer,
  checkImage,
  checkPull,
  mustVerify,
} from './container.ts';
import { type FsPolicy, fsPolicy } from './fs.ts';
import { type HttpPolicy, httpPolicy } from './http.ts';
import { limitsFor, type ResourceLimits } from './limits.ts';
import type { PolicyLevel } from './policy-level.ts';
import { checkCommand } from './process.ts';

/**
 * A call must pass the rules of every level: allow lists intersect, deny lists add up, the smallest
 * number counts. So a level can only narrow. Checks throw RIVET_POLICY_DENIED, which names the rule
 * and whose it is.
 */
export interface Policy {
  /** `command` is the program as the script wrote it. */
  checkCommand(command: string): void;
  checkImage(image: string): void;
  /**
   * The options with what the policy fixes filled in.
   * @param isOwn whether the image belongs to the job; false when absent
   */
  checkContainer(options: ContainerOptions, isOwn?: boolean): AllowedContainer;
  /** What is left of how an image may be fetched. */
  checkPull(asked: ContainerOptions['pull']): ContainerOptions['pull'];
  /** Whether the signatures of images must be verified. */
  readonly verify: boolean;
  /** The limits that hold for a command that asks for these. */
  commandLimits(asked: ResourceLimits): ResourceLimits;
  readonly http: HttpPolicy;
  readonly fs: FsPolicy;
}

/** @param levels from the widest to the narrowest */
export function createPolicy(levels: readonly PolicyLevel[]): Policy {
  return {
    checkCommand: (command) => checkCommand(levels, command),
    checkImage: (image) => checkImage(levels, image),
    checkContainer: (options, isOwn = false) => checkContainer(levels, options, isOwn),
    checkPull: (asked) => checkPull(levels, asked),
    verify: mustVerify(levels),
    commandLimits: (asked) => limitsFor(levels, asked),
    http: httpPolicy(levels),
    fs: fsPolicy(levels),
  };
}

/** The policy of one stage; `stage` undefined: of the job outside of any. */
export function stagePolicy(
  installation: InstallationPolicy,
  pipeline: PipelinePolicy,
  stage: PipelinePolicy | undefined,
): Policy {
  return createPolicy([
    { owner: 'installation', rules: installation },
    { owner: 'pipeline', rules: pipeline },
    ...(stage === undefined ? [] : [{ owner: 'stage', rules: stage } as const]),
  ]);
}

/**
 * Refuses a pipeline whose rules ask for more than the installation allows: its author would think
 * that they hold.
 * @throws RIVET_POLICY_EXCEEDED with every such rule
 */
export function refuseExcess(installation: InstallationPolicy, pipeline: PipelinePolicy): void {
  const excess = policyExcess(installation, pipeline);
  if (excess.length === 0) return;
  const lines = excess.map(
    ({ path, found, rule, says }) =>
      `policy.${path} is ${JSON.stringify(found)}; ${rule} of the installation ${says}`,
  );
  throw RivetError.of('RIVET_POLICY_EXCEEDED', { excess: lines.join('\n') });
}

/**
 * Refuses a job that is to verify signatures where nothing says which ones are good.
 * @throws RIVET_CONTAINER_VERIFY_UNAVAILABLE
 */
export function requireVerification(
  installation: InstallationPolicy,
  { policy, stages }: Pick<PipelineDefinition, 'policy' | 'stages'>,
): void {
  if (installation.container?.signature_policy !== undefined) return;
  const owner =
    installation.container?.verify === true
      ? 'installation'
      : policy.container?.verify === true
        ? 'pipeline'
        : stages.find((stage) => stage.policy?.container?.verify === true) && 'stage';
  if (owner !== undefined) throw RivetError.of('RIVET_CONTAINER_VERIFY_UNAVAILABLE', { owner });
}
