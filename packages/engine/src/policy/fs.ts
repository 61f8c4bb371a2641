// What a policy says about files.
import { type PolicyLevel, smallest } from './policy-level.ts';

/** In bytes; undefined: no limit. */
export interface FsPolicy {
  readonly fileBytesMax: number | undefined;
  readonly workspaceBytesMax: number | undefined;
}

export function fsPolicy(levels: readonly PolicyLevel[]): FsPolicy {
  return {
    fileBytesMax: smallest(levels, (rules) => rules.fs?.file_max)?.value,
    workspaceBytesMax: smallest(levels, (rules) => rules.fs?.workspace_max)?.value,
  };
}
