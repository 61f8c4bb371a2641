// How far the ids of jobs say that no older one can appear any more.

/** A job is searched from a mark on when its launch takes no longer than this, in milliseconds. */
const LAUNCH_MS = 500;

/** The smallest id of jobs whose launch may still be under way. */
export function launchedBefore(): string {
  const hex = (Date.now() - LAUNCH_MS).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`;
}

export function earlier(a: string, b: string): string {
  return a < b ? a : b;
}
