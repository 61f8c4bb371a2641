// The text of log lines and stage changes, the same at a terminal and in a pipe.
import { formatDuration } from '@rivet/base';
import type { LogLine, StageChange, StageState } from '@rivet/protocol';
import { inertLine } from '../inert.ts';
import type { Style } from '../output.ts';

const STAGE_WIDTH_MAX = 24;

export interface LineFormat {
  /** The lines to print for a log line: headers of sections it opens, then itself. */
  line(line: LogLine): string[];
  stage(change: StageChange): string;
}

/**
 * Formats lines as `12:00:01 build | text`, state changes as `12:00:01 build : succeeded in 4.2s`.
 * Sections of a stage are indented below their name.
 * @param stages names of the stages, for the width of the column
 */
export function createLineFormat(stages: readonly string[], style: Style): LineFormat {
  const width = Math.min(STAGE_WIDTH_MAX, Math.max(3, ...stages.map((name) => name.length)));
  const groups = new Map<string, readonly string[]>();
  const startedAt = new Map<string, number>();
  const prefix = (t: string, stage: string): string =>
    `${style.dim(timeOfDay(t))} ${style.cyan(inertLine(stage, { color: false }).padEnd(width))}`;
  return {
    line(line) {
      const path = line.group === undefined || line.group === '' ? [] : line.group.split(' / ');
      const before = groups.get(line.stage) ?? [];
      const start = prefix(line.t, line.stage === '' ? 'job' : line.stage);
      const same = path.findIndex((name, depth) => before[depth] !== name);
      groups.set(line.stage, path);
      const opened = same === -1 ? [] : path.slice(same);
      const headers = opened.map(
        (name, at) =>
          `${start} | ${'  '.repeat((same === -1 ? 0 : same) + at)}${style.bold(`> ${name}`)}`,
      );
      const bar = line.level === 'error' ? style.red('|') : '|';
      return [...headers, `${start} ${bar} ${'  '.repeat(path.length)}${lineText(line, style)}`];
    },
    stage(change) {
      const at = Date.parse(change.t);
      if (change.state === 'running') startedAt.set(change.stage, at);
      const began = startedAt.get(change.stage);
      const took =
        began === undefined || change.state === 'running' || change.state === 'pending'
          ? ''
          : ` after ${formatDuration(Math.max(0, at - began))}`;
      const why = change.reason === undefined ? '' : `: ${firstLineOf(change.reason)}`;
      const again = change.run > 1 && change.state === 'running' ? ` (run ${change.run})` : '';
      const state = paintState(change.state, style)(change.state);
      return `${prefix(change.t, change.stage)} : ${state}${again}${took}${why}`;
    },
  };
}

/** The colour of a state. */
export function paintState(state: StageState | 'queued', style: Style): (text: string) => string {
  if (state === 'succeeded') return style.green;
  if (state === 'failed') return style.red;
  if (state === 'running') return style.blue;
  return state === 'canceled' ? style.yellow : style.dim;
}

/** The first line of a reason, without the colon that led to the rest. */
export function firstLineOf(text: string): string {
  return (text.split('\n', 1)[0] ?? '').replace(/:$/, '');
}

/** Local time of day; what is no time gives dashes. */
export function timeOfDay(t: string): string {
  const date = new Date(t);
  if (Number.isNaN(date.getTime())) return '--:--:--';
  const parts = [date.getHours(), date.getMinutes(), date.getSeconds()];
  return parts.map((part) => String(part).padStart(2, '0')).join(':');
}

/** Commands keep their own look; what Rivet and `log` say shows its level. */
function lineText(line: LogLine, style: Style): string {
  if (line.stream === 'stdout' || line.stream === 'stderr') return line.text;
  if (line.level === 'error') return style.red(`error: ${line.text}`);
  if (line.level === 'warning') return style.yellow(`warning: ${line.text}`);
  return line.level === 'debug' ? style.dim(line.text) : line.text;
}
