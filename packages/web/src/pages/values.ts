// Values as pages show them: states, times, durations.
import { formatDuration } from '@rivet/base';
import type { JobState, StageState } from '@rivet/protocol';
import { type Html, html } from '../template/html.ts';
import { userText } from '../visible-text.ts';

export function state(value: JobState | StageState): Html {
  return html`<span class="state state-${value}">${value}</span>`;
}

/** `2026-11-21 08:41:28 UTC`; a dash for what did not happen. */
export function time(timestamp: string | null): Html {
  if (timestamp === null) return html`<span class="faint">–</span>`;
  const shown = `${timestamp.slice(0, 19).replace('T', ' ')} UTC`;
  return html`<time datetime="${timestamp}">${shown}</time>`;
}

/** How long something took, or takes until now. */
export function duration(from: string | null, to: string | null, now: Date): Html {
  if (from === null) return html`<span class="faint">–</span>`;
  const end = to === null ? now.getTime() : Date.parse(to);
  return html`${formatDuration(Math.max(0, end - Date.parse(from)))}`;
}

/** What to do about an error, in which commands stand between back-quotes. */
export function withCode(text: string): Html {
  const parts = text.split('`');
  return html`${parts.map((part, index) =>
    index % 2 === 1 ? html`<code>${userText(part)}</code>` : userText(part),
  )}`;
}
