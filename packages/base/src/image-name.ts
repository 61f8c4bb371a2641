// The grammar of image names, as registries define it: what is valid, and what its parts are.
// Source: the "reference" grammar of the distribution project.

const NAME_LENGTH_MAX = 255;
const COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const HOST =
  /^(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*|\[[0-9a-fA-F:]+\])(?::(\d{1,5}))?$/;
const DIGEST = /^[a-z0-9]+(?:[+._-][a-z0-9]+)*:[0-9a-fA-F]{32,}$/;

/** The parts of an image name. */
export interface ImageName {
  /** Host and port; undefined in a short name such as `alpine`. */
  readonly registry: string | undefined;
  readonly path: string;
  readonly tag: string | undefined;
  readonly digest: string | undefined;
}

/** The parts of `image`, or what is wrong with it as the end of the sentence "the image …". */
export function readImageName(image: string): ImageName | { readonly problem: string } {
  const problem = wholeProblem(image);
  if (problem !== undefined) return { problem };
  const [named = '', digest] = image.split('@');
  const slash = named.lastIndexOf('/');
  const colon = named.indexOf(':', slash + 1);
  const repository = colon === -1 ? named : named.slice(0, colon);
  const tag = colon === -1 ? undefined : named.slice(colon + 1);
  const [first = '', ...rest] = repository.split('/');
  // As everywhere: a first part with a dot or a port, or `localhost`, is a host.
  const isHost = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost');
  const parts = isHost ? rest : [first, ...rest];
  const found =
    digestProblem(digest) ??
    tagProblem(tag) ??
    (repository.length > NAME_LENGTH_MAX
      ? `has a name of more than ${NAME_LENGTH_MAX} characters`
      : undefined) ??
    (isHost ? hostProblem(first) : undefined) ??
    parts.map(partProblem).find((text) => text !== undefined);
  if (found !== undefined) return { problem: found };
  return { registry: isHost ? first : undefined, path: parts.join('/'), tag, digest };
}

/**
 * The name to pull by: a short name is one of docker.io's, and `latest` is the tag where there is
 * none.
 */
export function qualifyImage({ registry, path, tag, digest }: ImageName): string {
  const host = registry ?? 'docker.io';
  const official = host === 'docker.io' && !path.includes('/') ? 'library/' : '';
  const version = digest === undefined ? `:${tag ?? 'latest'}` : `@${digest}`;
  return `${host}/${official}${path}${version}`;
}

function wholeProblem(image: string): string | undefined {
  if (image === '') return 'is empty';
  if (image.startsWith('-')) return 'begins with "-"';
  if (image.includes('://')) return 'is a URL; leave out what comes before "//", and the "//"';
  const bad = /[^A-Za-z0-9._/:@[\]+-]/u.exec(image);
  if (bad !== null) return `has the character ${JSON.stringify(bad[0])}`;
  return image.split('@').length > 2 ? 'has more than one "@"' : undefined;
}

function digestProblem(digest: string | undefined): string | undefined {
  if (digest === undefined) return undefined;
  if (!DIGEST.test(digest)) {
    return 'has a digest that is not like sha256:… with its hexadecimal digits';
  }
  const short = digest.startsWith('sha256:') && digest.length !== 'sha256:'.length + 64;
  return short ? 'has a sha256 digest that has not 64 hexadecimal digits' : undefined;
}

function tagProblem(tag: string | undefined): string | undefined {
  if (tag === undefined || TAG.test(tag)) return undefined;
  if (tag.includes(':')) return 'has more than one tag';
  return `has the tag "${tag}", which is not made of 1 to 128 letters, digits, "_", "." and "-"`;
}

function hostProblem(host: string): string | undefined {
  const match = HOST.exec(host);
  const port = Number(match?.[1] ?? 1);
  if (match !== null && port >= 1 && port <= 65_535) return undefined;
  return `has the registry "${host}", which is not a host and port`;
}

function partProblem(part: string): string | undefined {
  if (COMPONENT.test(part)) return undefined;
  if (part === '') return 'has an empty part';
  if (/[A-Z]/.test(part)) return `has upper-case letters in "${part}"`;
  return `has the part "${part}", which is not made of small letters, digits and single separators`;
}
