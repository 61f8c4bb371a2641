// Podman's command line for a build. The only place that knows the flags of `podman build`.
import type { BuildSpec } from '../image-operations.ts';
import { csvField } from './args.ts';
import { NO_NETWORK, type RuntimeFlags } from './runtime.ts';

const CPU_PERIOD_US = 100_000;

/**
 * @param name of the image that is built
 * @param bases new name of each image that the Containerfile may name
 */
export function buildArgs(
  spec: BuildSpec,
  name: string,
  bases: ReadonlyMap<string, string>,
  flags: RuntimeFlags,
): string[] {
  const { memoryBytes, cpus, target } = spec;
  const noNetwork = spec.network === 'none' || flags.run.includes(NO_NETWORK);
  return [
    ...flags.global,
    'build',
    // The isolation of containers: steps are as far from the machine as commands are.
    '--isolation=oci',
    // Whoever builds has fetched what may be used.
    '--pull=never',
    `--layers=${spec.cache}`,
    ...(spec.cache ? [] : ['--no-cache']),
    `--tag=${name}`,
    ...flags.run.filter((flag) => flag.startsWith('--ulimit')),
    ...(noNetwork ? [NO_NETWORK] : []),
    ...(memoryBytes === undefined
      ? []
      : [`--memory=${Math.floor(memoryBytes)}b`, `--memory-swap=${Math.floor(memoryBytes)}b`]),
    ...(cpus === undefined
      ? []
      : [`--cpu-period=${CPU_PERIOD_US}`, `--cpu-quota=${Math.ceil(cpus * CPU_PERIOD_US)}`]),
    ...(target === undefined ? [] : [`--target=${target}`]),
    ...[...bases].map(([image, base]) => `--build-context=${image}=container-image://${base}`),
    ...Object.entries(spec.buildArgs).map(([key, value]) => `--build-arg=${key}=${value}`),
    ...Object.entries(spec.labels).map(([key, value]) => `--label=${key}=${value}`),
    ...Object.entries(spec.secrets).map(
      ([id, file]) => `--secret=${[`id=${id}`, `src=${file}`].map(csvField).join(',')}`,
    ),
    `--file=${spec.containerfile}`,
    '--',
    spec.contextDirectory,
  ];
}
