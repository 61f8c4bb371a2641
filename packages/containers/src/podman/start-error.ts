// Sorts what Podman says when it cannot start a container.
import { RivetError } from '@rivet/base';
import type { ContainerSpec } from '../driver.ts';

type Limits = Pick<ContainerSpec, 'memoryBytes' | 'cpus' | 'pids'>;

/**
 * The error for `reason` and all that Podman wrote; undefined when it is none of the container's.
 */
export function startError(
  spec: ContainerSpec,
  reason: string,
  stderr: string,
): RivetError | undefined {
  const { image } = spec;
  if (
    /image not known|no such image|manifest unknown|unable to find a name and tag match/i.test(
      stderr,
    )
  ) {
    return RivetError.of('RIVET_CONTAINER_IMAGE_NOT_FOUND', {
      image,
      reason: 'it is not on this machine',
    });
  }
  if (
    /unable to find (?:user|group)|no matching entries in passwd|no matching entries in group/i.test(
      stderr,
    )
  ) {
    return RivetError.of('RIVET_CONTAINER_USER_UNKNOWN', {
      user: spec.user ?? 'of the image',
      image,
      reason,
    });
  }
  // "/bin/sh" in the text: where an entrypoint was given it is what was not found.
  if (
    /executable file.*not found|no such file or directory.*oci runtime attempted|stat \S+: no such file|exec format error|executable file `/i.test(
      stderr,
    )
  ) {
    return spec.entrypoint.length === 0
      ? RivetError.of('RIVET_CONTAINER_NO_SHELL', { image, reason })
      : RivetError.of('RIVET_CONTAINER_ENTRYPOINT_FAILED', { image, reason });
  }
  const limit = limitOf(spec, stderr);
  if (limit !== undefined) {
    return RivetError.of('RIVET_CONTAINER_LIMIT_UNSUPPORTED', { limit, reason });
  }
  return undefined;
}

/** What Podman said, when an error of `startError` tells of an image that has no shell at all. */
export function missingShell(error: unknown): string | undefined {
  if (!(error instanceof RivetError) || error.code !== 'RIVET_CONTAINER_NO_SHELL') return undefined;
  const { reason } = error.details;
  // A shell for another kind of machine is one: nothing else of the image would run either.
  return typeof reason === 'string' && !/exec format error/i.test(reason) ? reason : undefined;
}

/** The error for a limit that Podman left out, though it did start the container. */
export function ignoredLimit(
  spec: ContainerSpec,
  runFlags: readonly string[],
  stderr: string,
): RivetError | undefined {
  const line = stderr.split('\n').find((text) => /limits? .*(?:ignored|discarded)/i.test(text));
  const reason = runFlags.includes('--cgroups=disabled')
    ? 'no cgroups are delegated to the user that runs Podman'
    : line?.replace(/^.*msg="?|"$/g, '');
  if (reason === undefined) return undefined;
  const limit =
    spec.memoryBytes !== undefined
      ? 'the memory'
      : spec.cpus !== undefined
        ? 'the cpus'
        : spec.pids !== undefined
          ? 'the number of processes'
          : undefined;
  return limit === undefined
    ? undefined
    : RivetError.of('RIVET_CONTAINER_LIMIT_UNSUPPORTED', { limit, reason });
}

/** The error for a build whose steps cannot be held to its limits, by all that Podman wrote. */
export function stepLimit(
  limits: Pick<Limits, 'memoryBytes' | 'cpus'>,
  stderr: string,
): RivetError | undefined {
  // The words of the runtime alone: the command of the step is told before and after them.
  const [told = ''] = stderr.split(/^Error: building at STEP /m, 1);
  const said = /^error running container: .* creating container for \[.*\]: (.*)/ms.exec(told);
  for (const line of said?.[1]?.split('\n') ?? []) {
    const limit = limitOf({ ...limits, pids: undefined }, line);
    const reason = line.replace(/^.*msg="?|"$/g, '');
    if (limit !== undefined) {
      return RivetError.of('RIVET_CONTAINER_LIMIT_UNSUPPORTED', { limit, reason });
    }
  }
  return undefined;
}

function limitOf(spec: Limits, stderr: string): string | undefined {
  if (!/cgroup|not supported|does not support|no such file/i.test(stderr)) return undefined;
  if (spec.memoryBytes !== undefined && /memory|memsw/i.test(stderr)) return 'the memory';
  if (spec.cpus !== undefined && /\bcpu|cfs/i.test(stderr)) return 'the cpus';
  if (spec.pids !== undefined && /pids/i.test(stderr)) return 'the number of processes';
  return undefined;
}
