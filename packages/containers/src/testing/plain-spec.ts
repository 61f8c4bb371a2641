// A container as tests start it: what is not asked for is off.
import { uuidv7 } from '@rivet/base';
import type { ContainerSpec } from '../driver.ts';

/** A container with a name of its own, without network, limits or mounts. */
export function plainSpec(
  asked: Pick<ContainerSpec, 'image' | 'labels' | 'controlDirectory'> & Partial<ContainerSpec>,
): ContainerSpec {
  return {
    name: `rivet-test-${uuidv7()}`,
    env: {},
    mounts: [],
    entrypoint: [],
    network: 'none',
    user: undefined,
    memoryBytes: undefined,
    cpus: undefined,
    pids: undefined,
    privileged: false,
    ...asked,
  };
}
