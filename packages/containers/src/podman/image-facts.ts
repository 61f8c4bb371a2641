// Reads what `podman image inspect` prints.
import { RivetError } from '@rivet/base';
import type { ImageFacts } from '../image-operations.ts';

/**
 * @param name full name that the digest is wanted for; one image can come from several registries
 * @throws RIVET_CONTAINER_PODMAN_GARBAGE
 */
export function imageFacts(answer: unknown, name: string | undefined): ImageFacts {
  const first: unknown = Array.isArray(answer) ? answer[0] : undefined;
  const image = (first ?? {}) as Record<string, unknown>;
  const { Id: id, RepoDigests: digests, Digest: own } = image;
  if (typeof id !== 'string' || !/^[0-9a-f]{64}$/.test(id)) {
    throw RivetError.of('RIVET_CONTAINER_PODMAN_GARBAGE', {
      action: 'podman image inspect',
      found: (JSON.stringify(answer) ?? 'nothing').slice(0, 200),
      expected: 'a list with one image and its Id',
    });
  }
  const known = Array.isArray(digests) ? digests.filter((each) => typeof each === 'string') : [];
  const triggers = triggersOf(image);
  return {
    id,
    digest: name === undefined ? undefined : digestFor(name, known, own),
    ...(triggers.length === 0 ? {} : { triggers }),
  };
}

function triggersOf({ Config: config }: Record<string, unknown>): string[] {
  const { OnBuild: triggers } = (config ?? {}) as Record<string, unknown>;
  return Array.isArray(triggers) ? triggers.map(String) : [];
}

function digestFor(name: string, digests: readonly string[], own: unknown): string | undefined {
  const [, wanted] = name.split('@');
  if (wanted !== undefined) return wanted;
  const repository = name.replace(/:[^:/]*$/, '');
  const found = digests
    .filter((each) => each.startsWith(`${repository}@`))
    .map((each) => each.slice(repository.length + 1));
  // An image that was built here has one of its own besides that of what the registry sent.
  return found.find((each) => each !== own) ?? found[0];
}
