// What must be the same for a container that stands ready to be as good as one of a job's own.
import type { ContainerSpec } from '@rivet/containers';

export interface WarmKey {
  /** What it was asked for by; two names of one image are two keys. */
  readonly image: string;
  readonly imageId: string;
  readonly network: ContainerSpec['network'];
  readonly user: string | undefined;
  /** Whether /workspace can only be read. */
  readonly readonly: boolean;
}

/** The same for two keys that are the same. */
export function warmKeyText({ image, imageId, network, user, readonly }: WarmKey): string {
  return JSON.stringify([image, imageId, network, user ?? null, readonly]);
}
