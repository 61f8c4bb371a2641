// How long a runner is paused, by whom and why, for people.
import type { Runner } from '@rivet/protocol';

/** "until 2026-…, by ada: new disk"; empty for one that is not paused. */
export function pauseText({ pause }: Pick<Runner, 'pause'>): string {
  if (pause === null) return '';
  const until = pause.until === null ? 'until it is resumed' : `until ${pause.until}`;
  const note = pause.note === null ? '' : `: ${pause.note}`;
  return `${until}, by ${pause.by}${note}`;
}
