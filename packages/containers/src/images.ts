// Image names: what a short one stands for.
import { type ImageName, qualifyImage, RivetError, readImageName } from '@rivet/base';

const IMAGE_ID = /^(?:sha256:)?[0-9a-f]{64}$/;

/**
 * The parts of an image name.
 * @throws RIVET_CONTAINER_IMAGE_INVALID with the reason
 */
export function parseImageName(image: string): ImageName {
  const name = readImageName(image);
  if (!('problem' in name)) return name;
  const found = image.length > 300 ? `${image.slice(0, 300)}…` : image;
  throw RivetError.of('RIVET_CONTAINER_IMAGE_INVALID', {
    found: JSON.stringify(found),
    reason: `it ${name.problem}`,
  });
}

/**
 * The name to pull by, see `qualifyImage`.
 * @throws RIVET_CONTAINER_IMAGE_INVALID
 */
export function qualifyImageName(image: string): string {
  return qualifyImage(parseImageName(image));
}

/** Whether it is the id of an image on this machine rather than a name. */
export function isImageId(image: string): boolean {
  return IMAGE_ID.test(image);
}
