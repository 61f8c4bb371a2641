// The images of the driver without containers: ids are made up, builds follow a script.
import { createHash } from 'node:crypto';
import { RivetError } from '@rivet/base';
import { checkBuild } from '../build-spec.ts';
import type { PullPolicy } from '../driver.ts';
import type { BuildSpec, ImageOperations } from '../image-operations.ts';
import { isImageId, parseImageName, qualifyImageName } from '../images.ts';
import { type FakeDriverOptions, notFound } from './driver.ts';

/**
 * @param ensured is told of every image that was asked for
 * @param built takes what images were built from
 * @param pushed takes what was pushed
 */
export function fakeImages(
  options: FakeDriverOptions,
  ensured: (image: { image: string; pull: PullPolicy }) => void,
  built: BuildSpec[],
  pushed: { id: string; name: string; authFile: string | undefined }[],
): ImageOperations {
  const owners = new Map<string, Readonly<Record<string, string>>>();
  return {
    async pullImage(image, { pull, signal }) {
      signal?.throwIfAborted();
      if (!isImageId(image)) parseImageName(image);
      ensured({ image, pull });
      if (owners.has(image)) return { id: image, digest: undefined };
      // Ids of this shape are those of builds.
      if (/^0{40}/.test(image)) throw notFound(image);
      if (isImageId(image)) {
        const known = options.images?.some((name) => hash(qualifyImageName(name)) === image);
        if (known === false) throw notFound(image);
      } else if (options.images?.includes(image) === false) throw notFound(image);
      const id = isImageId(image) ? image : hash(qualifyImageName(image));
      return { id, digest: `sha256:${hash(id)}` };
    },
    async buildImage(spec, sink, signal) {
      signal?.throwIfAborted();
      checkBuild(spec);
      built.push(spec);
      const id = String(built.length).padStart(64, '0');
      const { stdout = '', stderr = '', exitCode = 0 } = (await options.builds?.(spec)) ?? {};
      await sink('stdout', Buffer.from(stdout));
      await sink('stderr', Buffer.from(stderr));
      if (exitCode !== 0) {
        const containerfile = spec.containerfileName;
        const reason = `exit status ${exitCode}`;
        throw RivetError.of('RIVET_CONTAINER_BUILD_FAILED', { containerfile, reason });
      }
      owners.set(id, spec.ownerLabels);
      return { id, digest: undefined };
    },
    async pushImage(id, name, { authFile, signal }) {
      signal?.throwIfAborted();
      parseImageName(name);
      pushed.push({ id, name, authFile });
      return { id, digest: `sha256:${hash(id)}` };
    },
    async removeBuilt(labels) {
      const wanted = Object.entries(labels);
      if (wanted.length === 0) {
        throw RivetError.of('RIVET_CONTAINER_SPEC_INVALID', {
          field: 'the labels',
          found: 'empty',
          expected: 'at least one',
        });
      }
      const found = [...owners].filter(([, own]) => wanted.every(([k, v]) => own[k] === v));
      for (const [id] of found) owners.delete(id);
      return found.length;
    },
    // It has no images that take room.
    pruneImages: async () => 0,
  };
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
