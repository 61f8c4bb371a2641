// The images that belong to one job: what it built, fetched or named. Names are the job's own; the
// machine's other jobs neither see them nor can be given another image under a name of theirs.
import { join } from 'node:path';
import { didYouMean, isRivetError, nearest, RivetError } from '@rivet/base';
import {
  attemptLabels,
  BUILD_REPOSITORY,
  type ImageFacts,
  isImageId,
  qualifyImageName,
} from '@rivet/containers';
import type { JobHost, JobSpec } from '../job.ts';
import type { AllowedContainer } from '../policy/container.ts';
import { createKeptNames } from './kept-names.ts';

/** How a base image or the image of a container is to be had. */
interface ImageRequest extends Pick<AllowedContainer, 'image' | 'pull' | 'verify'> {
  readonly signal: AbortSignal;
  readonly authFile?: string | undefined;
}

/** The image as a container is started from it. */
export interface StartableImage {
  readonly image: string;
  /** Its id, where `image` is a name that may come to stand for another. */
  readonly imageId: string | undefined;
}

export interface JobImages {
  readonly ownerLabels: Readonly<Record<string, string>>;
  /** The id of an image that belongs to the job, by its name or id. */
  find(image: string): string | undefined;
  /**
   * Like `find`.
   * @throws RIVET_CONTAINER_TAG_UNKNOWN
   */
  require(functionName: string, image: string): string;
  /** Makes an image the job's own, under a name where there is one. */
  add(id: string, name: string | undefined): void;
  /** What starts a container of the image, which is fetched when the request says so. */
  ensure(request: ImageRequest): Promise<StartableImage>;
  /** The image that a name stood for is gone: the next one who needs it looks anew. */
  forget(image: string): void;
  /** Like `ensure`, and says which one it is. */
  fetch(request: ImageRequest): Promise<ImageFacts>;
  /** Removes what was built. */
  removeAll(): Promise<void>;
}

export function createJobImages(spec: JobSpec, host: JobHost): JobImages {
  const ownerLabels = attemptLabels(spec.id, spec.attempt, host.labels);
  const ids = new Set<string>();
  const names = new Map<string, string>();
  /** What names of others stood for when the job needed them first: one job, one image. */
  const resolved = new Map<string, string>();
  const kept = createKeptNames(join(host.stateDirectory, 'images'));
  const idOf = (image: string): string | undefined =>
    resolved.get(image) ?? (host.resume === undefined ? undefined : kept.find(image));
  const resolve = (image: string, id: string): void => {
    if (resolved.get(image) === id) return;
    resolved.set(image, id);
    kept.note(image, id);
  };
  const find = (image: string): string | undefined => {
    if (isImageId(image)) {
      const id = image.replace(/^sha256:/, '');
      return ids.has(id) ? id : undefined;
    }
    return names.get(fullName(image));
  };
  const fetch = async ({ image, pull = 'missing', verify, ...rest }: ImageRequest) => {
    const own = find(image);
    if (own !== undefined) return await host.driver.pullImage(own, { pull: 'never', ...rest });
    refuseForeign(image);
    const facts = await host.driver.pullImage(image, {
      pull: verify === true && pull === 'missing' ? 'always' : pull,
      verify: verify === true,
      ...rest,
    });
    // From now on the job means this one.
    resolve(image, facts.id);
    return facts;
  };
  return {
    ownerLabels,
    find,
    require(functionName, image) {
      const id = find(image);
      if (id !== undefined) return id;
      const known = [...names.keys()];
      const near = nearest(image, known) === undefined ? '' : didYouMean(image, known);
      throw RivetError.of('RIVET_CONTAINER_TAG_UNKNOWN', {
        function: functionName,
        image: JSON.stringify(image),
        nearest: near,
      });
    },
    add(id, name) {
      ids.add(id);
      if (name !== undefined) names.set(fullName(name), id);
    },
    async ensure(request) {
      const own = find(request.image);
      if (own !== undefined) return { image: own, imageId: undefined };
      // What was verified is what is started, whoever else gives its name to another image.
      if (request.verify === true) return { image: (await fetch(request)).id, imageId: undefined };
      const { image, pull = 'missing', signal } = request;
      refuseForeign(image);
      const known = pull === 'always' ? undefined : idOf(image);
      const imageId = known ?? (await host.driver.ensureImage(image, { pull, signal }));
      if (imageId !== undefined) resolve(image, imageId);
      return { image, imageId };
    },
    forget(image) {
      resolved.delete(image);
      kept.drop(image);
    },
    fetch,
    async removeAll() {
      if (ids.size > 0) await host.driver.removeBuilt(ownerLabels);
    },
  };
}

/** What another job built has a name on this machine too. */
function refuseForeign(image: string): void {
  if (isImageId(image) || !fullName(image).startsWith(`${BUILD_REPOSITORY}/`)) return;
  const reason = 'what a job built is seen by that job alone';
  throw RivetError.of('RIVET_CONTAINER_IMAGE_NOT_FOUND', { image, reason });
}

/** A name that is no name of an image is one that nothing is called. */
function fullName(image: string): string {
  try {
    return qualifyImageName(image);
  } catch (error) {
    if (isRivetError(error)) return image;
    throw error;
  }
}
