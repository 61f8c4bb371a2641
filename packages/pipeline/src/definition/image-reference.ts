// The grammar of image names, so that a bad one is refused before a container program sees it.

const LENGTH_MAX = 512;
const COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const HOST =
  /^(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*|\[[0-9a-fA-F:]+\])(?::(\d{1,5}))?$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const DIGEST = /^[a-z0-9]+(?:[+._-][a-z0-9]+)*:[0-9a-fA-F]{32,}$/;

/**
 * What is wrong with an image name such as `docker.io/library/alpine:3.20@sha256:…`, as the end of
 * the sentence "the image …"; undefined when nothing is.
 */
export function imageProblem(image: string): string | undefined {
  if (image === '') return 'is empty';
  if (image.length > LENGTH_MAX) return `is longer than ${LENGTH_MAX} characters`;
  const bad = /[^A-Za-z0-9._/:@[\]+-]/u.exec(image);
  if (bad !== null) return `has the character ${JSON.stringify(bad[0])}`;
  const [name = '', digest, ...more] = image.split('@');
  if (more.length > 0) return 'has more than one @';
  if (digest !== undefined && !DIGEST.test(digest)) {
    return 'has a digest that is not like sha256:… with its hexadecimal digits';
  }
  return nameProblem(name);
}

function nameProblem(name: string): string | undefined {
  if (name.startsWith('-')) return 'begins with "-"';
  const parts = name.split('/');
  const last = parts.pop() ?? '';
  const [repository = '', tag, ...more] = last.split(':');
  if (more.length > 0) return 'has more than one tag';
  if (tag !== undefined && !TAG.test(tag)) return `has the tag "${tag}", which is not valid`;
  // Only a first part that looks like a host is one: `library/alpine` has none.
  const [first] = parts;
  if (first !== undefined && (/[.:]/.test(first) || first === 'localhost')) {
    parts.shift();
    const port = HOST.exec(first);
    if (port === null || Number(port[1] ?? 1) > 65_535 || Number(port[1] ?? 1) < 1) {
      return `has the registry "${first}", which is not a host and port`;
    }
  }
  for (const part of [...parts, repository]) {
    if (COMPONENT.test(part)) continue;
    if (part === '') return 'has an empty part';
    return /[A-Z]/.test(part)
      ? `has upper-case letters in "${part}"`
      : `has the part "${part}", which is not valid`;
  }
  return undefined;
}
