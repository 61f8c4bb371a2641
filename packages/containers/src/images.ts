// Image names: which are valid, and what a short one stands for.
import { RivetError } from '@rivet/base';

const NAME_LENGTH_MAX = 255;
const COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const HOST =
  /^(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*|\[[0-9a-fA-F:]+\])(?::\d{1,5})?$/;
const DIGEST = /^[a-z0-9]+(?:[+._-][a-z0-9]+)*:[0-9a-fA-F]{32,}$/;
const IMAGE_ID = /^(?:sha256:)?[0-9a-f]{64}$/;

/** The parts of an image name. */
export interface ImageName {
  /** Host and port; undefined in a short name such as `alpine`. */
  readonly registry: string | undefined;
  readonly path: string;
  readonly tag: string | undefined;
  readonly digest: string | undefined;
}

/**
 * Takes an image name apart by the grammar that registries use.
 * @throws RIVET_CONTAINER_IMAGE_INVALID with the reason
 */
export function parseImageName(image: string): ImageName {
  const [named, digest, ...more] = image.split('@');
  if (image === '' || named === undefined) throw invalid(image, 'it is empty');
  if (/\s/.test(image)) throw invalid(image, 'it holds white space');
  if (image.startsWith('-')) throw invalid(image, 'it starts with "-"');
  if (image.includes('://')) throw invalid(image, 'it is a URL; leave out what comes before "//"');
  if (more.length > 0) throw invalid(image, 'it holds more than one "@"');
  if (digest !== undefined) checkDigest(image, digest);
  const slash = named.lastIndexOf('/');
  const colon = named.indexOf(':', slash + 1);
  const repository = colon === -1 ? named : named.slice(0, colon);
  const tag = colon === -1 ? undefined : named.slice(colon + 1);
  if (tag !== undefined && !TAG.test(tag)) {
    throw invalid(
      image,
      `the tag ${JSON.stringify(tag)} is not made of 1 to 128 letters, digits, "_", "." and "-"`,
    );
  }
  if (repository.length > NAME_LENGTH_MAX) {
    throw invalid(image, `its name is longer than ${NAME_LENGTH_MAX} characters`);
  }
  return { ...splitRepository(image, repository), tag, digest };
}

/** The name to pull by: a short name is one of Docker Hub's, `latest` is the tag when there is none. */
export function qualifyImageName(image: string): string {
  const { registry, path, tag, digest } = parseImageName(image);
  const host = registry ?? 'docker.io';
  const official = host === 'docker.io' && !path.includes('/') ? 'library/' : '';
  const version = digest === undefined ? `:${tag ?? 'latest'}` : `@${digest}`;
  return `${host}/${official}${path}${version}`;
}

/** Whether it is the id of an image on this machine rather than a name. */
export function isImageId(image: string): boolean {
  return IMAGE_ID.test(image);
}

function splitRepository(image: string, repository: string): Omit<ImageName, 'tag' | 'digest'> {
  const [first = '', ...rest] = repository.split('/');
  // As everywhere: a first part with a dot or a port, or `localhost`, is a host.
  const isHost = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost');
  if (isHost && !HOST.test(first)) {
    throw invalid(image, `${JSON.stringify(first)} is not a host name`);
  }
  const components = isHost ? rest : [first, ...rest];
  for (const component of components) {
    if (COMPONENT.test(component)) continue;
    const reason = /[A-Z]/.test(component)
      ? `${JSON.stringify(component)} has capital letters`
      : component === ''
        ? 'a part of its name is empty'
        : `${JSON.stringify(component)} is not made of small letters, digits and single separators`;
    throw invalid(image, reason);
  }
  return { registry: isHost ? first : undefined, path: components.join('/') };
}

function checkDigest(image: string, digest: string): void {
  if (!DIGEST.test(digest)) {
    throw invalid(image, `${JSON.stringify(digest)} is not a digest`);
  }
  if (digest.startsWith('sha256:') && digest.length !== 'sha256:'.length + 64) {
    throw invalid(image, 'a sha256 digest has 64 hexadecimal digits');
  }
}

function invalid(image: string, reason: string): RivetError {
  const found = image.length > 300 ? `${image.slice(0, 300)}…` : image;
  return RivetError.of('RIVET_CONTAINER_IMAGE_INVALID', { found: JSON.stringify(found), reason });
}
