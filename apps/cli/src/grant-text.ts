// Permissions as people type and read them: `view` of a pipeline is `pipelines.view`.
import { didYouMean, RivetError } from '@rivet/base';
import {
  type Grant,
  type ObjectKind,
  type ObjectPermission,
  pipelinePermissions,
  secretPermissions,
} from '@rivet/protocol';

const permissionsOf: Readonly<Record<ObjectKind, readonly ObjectPermission[]>> = {
  pipeline: pipelinePermissions,
  secret: secretPermissions,
};

/** The words for a kind of object: `view`, `launch`, … */
export function permissionWords(kind: ObjectKind): string[] {
  return permissionsOf[kind].map(shortWord);
}

/**
 * The permissions that words such as `view,launch` mean; `all` is each of the kind.
 * @throws RIVET_USAGE naming the word and the nearest that there is
 */
export function parsePermissions(kind: ObjectKind, words: readonly string[]): ObjectPermission[] {
  const typed = words.flatMap((word) => word.split(',')).filter((word) => word !== '');
  const known = permissionWords(kind);
  const found = typed.flatMap((word) => {
    if (word === 'all') return permissionsOf[kind];
    const permission = permissionsOf[kind].find((one) => one === word || shortWord(one) === word);
    if (permission !== undefined) return [permission];
    throw RivetError.of('RIVET_USAGE', {
      problem: `"${word}" is no permission on a ${kind}${didYouMean(word, known)}`,
      hint: `There are ${known.join(', ')}, and all for each of them.`,
    });
  });
  if (found.length > 0) return [...new Set(found)];
  throw RivetError.of('RIVET_USAGE', {
    problem: 'PERMISSION is missing: what is to be allowed',
    hint: `Give one or more of ${known.join(', ')}, or all.`,
  });
}

/** `pipeline deploy-*: view launch`. */
export function describeGrant({ kind, pattern, permissions }: Grant): string {
  return `${kind} ${pattern}: ${wordsOf(kind, permissions)}`;
}

/** `view launch`, in the order of tables. */
export function wordsOf(kind: ObjectKind, permissions: readonly ObjectPermission[]): string {
  const given = permissionsOf[kind].filter((permission) => permissions.includes(permission));
  return given.map(shortWord).join(' ');
}

/** `pipelines.view` is `view`. */
function shortWord(permission: string): string {
  return permission.replace(/^[a-z]+\./, '');
}
