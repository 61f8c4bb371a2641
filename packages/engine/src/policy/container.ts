// What a policy says about containers and images.
import { posix } from 'node:path';
import { ruleAllowsImage, ruleDeniesImage, showList } from '@rivet/pipeline';
import type { ContainerOptions } from '@rivet/protocol';
import { limitsFor } from './limits.ts';
import { checkLists, type PolicyLevel, refused } from './policy-level.ts';

/** What a container is made from, as far as the policy lets it. */
export interface AllowedContainer extends ContainerOptions {
  /** Whether the signature of its image must be verified. */
  verify?: boolean;
}

type PullMode = NonNullable<ContainerOptions['pull']>;

/** From the strictest on. */
const PULL_ORDER: readonly PullMode[] = ['never', 'missing', 'always'];

/** Throws RIVET_POLICY_DENIED for an image that a level does not allow. */
export function checkImage(levels: readonly PolicyLevel[], image: string): void {
  const what = `the image "${image}"`;
  const level = levels.find(({ rules }) => (rules.container?.deny_images ?? []).length > 0);
  if (level !== undefined && /^(?:sha256:)?[0-9a-f]{64}$/.test(image)) {
    throw refused(
      what,
      level,
      'container.deny_images',
      'cannot be held against the id of an image',
    );
  }
  checkLists(levels, what, image, {
    allowKey: 'container.images',
    denyKey: 'container.deny_images',
    allow: (rules) => rules.container?.images,
    deny: (rules) => rules.container?.deny_images,
    allows: ruleAllowsImage,
    denies: ruleDeniesImage,
  });
}

/** The network that is left: none where a level says so. */
function checkNetwork<T extends ContainerOptions['network']>(
  levels: readonly PolicyLevel[],
  asked: T,
): T | 'none' | 'default' | undefined {
  const level = levels.find(({ rules }) => rules.container?.network === 'none');
  if (level !== undefined && asked === 'default') {
    throw refused('network = "default"', level, 'container.network', 'is "none"');
  }
  const named = levels.some(({ rules }) => rules.container?.network === 'default');
  return asked ?? (level === undefined ? (named ? 'default' : undefined) : 'none');
}

/** The pull mode that is left: the one that was asked for, else the strictest of the levels. */
export function checkPull(
  levels: readonly PolicyLevel[],
  asked: PullMode | undefined,
): PullMode | undefined {
  let strictest: { mode: PullMode; level: PolicyLevel } | undefined;
  for (const level of levels) {
    const mode = level.rules.container?.pull;
    if (mode === undefined) continue;
    if (strictest === undefined || exceeds(strictest.mode, mode)) strictest = { mode, level };
  }
  if (strictest !== undefined && asked !== undefined && exceeds(asked, strictest.mode)) {
    const rule = `is "${strictest.mode}"`;
    throw refused(`pull = "${asked}"`, strictest.level, 'container.pull', rule);
  }
  return asked ?? strictest?.mode;
}

/** Whether a level wants the signatures of images verified. */
export function mustVerify(levels: readonly PolicyLevel[]): boolean {
  return levels.some(({ rules }) => rules.container?.verify === true);
}

/**
 * The options with what the levels fix filled in.
 * @param isOwn whether the image belongs to the job: then its base was held against the rules
 * @throws RIVET_POLICY_DENIED
 */
export function checkContainer(
  levels: readonly PolicyLevel[],
  options: ContainerOptions,
  isOwn: boolean,
): AllowedContainer {
  if (!isOwn) checkImage(levels, options.image);
  const network = checkNetwork(levels, options.network);
  const pull = checkPull(levels, options.pull);
  const { memory, cpus, pids } = limitsFor(levels, options);
  checkDangers(levels, options);
  return {
    ...options,
    ...(network === undefined ? {} : { network }),
    ...(pull === undefined ? {} : { pull }),
    ...(mustVerify(levels) ? { verify: true } : {}),
    ...(memory === undefined ? {} : { memory }),
    ...(cpus === undefined ? {} : { cpus }),
    ...(pids === undefined ? {} : { pids }),
  };
}

/** What reaches the machine itself must have been allowed by whoever runs Rivet. */
function checkDangers(levels: readonly PolicyLevel[], options: ContainerOptions): void {
  const installation = levels.find(({ owner }) => owner === 'installation') ?? {
    owner: 'installation',
    rules: {},
  };
  const { privileged, mounts = [] } = installation.rules.container ?? {};
  if (options.privileged === true && privileged !== true) {
    throw refused('privileged = true', installation, 'container.privileged', 'is not true');
  }
  for (const { source, readonly } of options.mounts ?? []) {
    if (source === undefined) continue;
    // Exactly these: below them a job could have put a link to somewhere else.
    const rule = mounts.find((mount) => mountPath(mount) === posix.normalize(source));
    const what = `mounting "${source}" of the machine`;
    if (rule === undefined) {
      const says = mounts.length === 0 ? 'is empty' : `is ${showList(mounts)}`;
      throw refused(what, installation, 'container.mounts', says);
    }
    if (rule.endsWith(':ro') && readonly !== true) {
      const says = `has "${rule}": add readonly = true`;
      throw refused(`${what} to write to`, installation, 'container.mounts', says);
    }
  }
}

function mountPath(rule: string): string {
  return posix.normalize(rule.replace(/:ro$/, ''));
}

function exceeds(asked: PullMode, allowed: PullMode): boolean {
  return PULL_ORDER.indexOf(asked) > PULL_ORDER.indexOf(allowed);
}
