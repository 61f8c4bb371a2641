// Versions of plugins, and which of them a pipeline takes.

const VERSION = /^(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})(-[0-9A-Za-z.-]{1,50})?$/;
const CONSTRAINT = /^(\d{1,9})(?:\.(\d{1,9}))?(?:\.(\d{1,9}))?$/;

export const VERSION_EXPECTED = 'a version of three numbers such as "1.4.0"';
export const CONSTRAINT_EXPECTED =
  'a version such as "1.4.0", a range such as "1.x" or "1.4.x", or a lowest one such as ">=1.4"';

export function isPluginVersion(text: string): boolean {
  return VERSION.test(text);
}

/**
 * Whether a version is one that a constraint takes: `1.4.0` that one, `1.x` and `1.4.x` those that
 * begin so, `>=1.4` that and later ones. A version with a suffix (`1.4.0-rc1`) counts as before its
 * number. Undefined when the constraint is none.
 */
export function versionMatches(version: string, constraint: string): boolean | undefined {
  const own = numbersOf(version);
  const lowest = /^>=\s{0,3}(.*)$/.exec(constraint)?.[1];
  const prefix = /^(\d[\d.]*)\.x$/.exec(constraint)?.[1];
  if (lowest !== undefined) {
    const wanted = constraintNumbers(lowest);
    return wanted === undefined ? undefined : compare(own, wanted) >= 0;
  }
  if (prefix !== undefined) {
    const wanted = constraintNumbers(prefix);
    return wanted?.every((number, index) => own[index] === number);
  }
  return isPluginVersion(constraint) ? version === constraint : undefined;
}

function numbersOf(version: string): number[] {
  const match = VERSION.exec(version);
  const numbers = (match?.slice(1, 4) ?? []).map(Number);
  return match?.[4] === undefined ? numbers : [...numbers, -1];
}

function constraintNumbers(text: string): number[] | undefined {
  const match = CONSTRAINT.exec(text);
  return match?.slice(1, 4).flatMap((part) => (part === undefined ? [] : [Number(part)]));
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (let index = 0; index < Math.max(a.length, b.length); index += 1) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
