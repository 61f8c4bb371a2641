// Names under which a build and its images are known on this machine while their job lasts: they
// say whose it is, so that what a crash left is found again without a mark in the image itself.
import { createHash } from 'node:crypto';
import { LABEL_ATTEMPT, LABEL_JOB, LABEL_OWNER, LABEL_RIVET } from '../labels.ts';

/** Nobody else's images are called like this. */
export const BUILD_REPOSITORY = 'localhost/rivet-build';

const PARTS = [LABEL_OWNER, LABEL_JOB, LABEL_ATTEMPT];
const ABSENT = 'x';

/** `<owner>-<job>-<attempt>-<the other labels>`: hashes, as labels hold any text. */
export function buildKey(labels: Readonly<Record<string, string>>): string {
  return keyParts(labels).join('-');
}

/** Whether a key was made from labels that include all of these. */
export function isKeyOf(key: string, labels: Readonly<Record<string, string>>): boolean {
  const found = key.split('-');
  const wanted = keyParts(labels);
  return (
    found.length === wanted.length &&
    wanted.some((part) => part !== ABSENT) &&
    wanted.every((part, index) => part === ABSENT || part === found[index])
  );
}

/** The key in the name of an image (`localhost/rivet-build/KEY:…`) or of a working container. */
export function keyOfName(name: string): string | undefined {
  return /^(?:localhost\/rivet-build\/)?((?:[0-9a-f]{12}|x)(?:-(?:[0-9a-f]{12}|x)){3})(?::|-working-container)/.exec(
    name,
  )?.[1];
}

function keyParts(labels: Readonly<Record<string, string>>): string[] {
  const rest = Object.entries(labels)
    .filter(([name]) => name !== LABEL_RIVET && !PARTS.includes(name))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return [
    ...PARTS.map((name) => part(labels[name])),
    part(rest.length === 0 ? undefined : JSON.stringify(rest)),
  ];
}

function part(text: string | undefined): string {
  if (text === undefined) return ABSENT;
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}
