// Progress at a terminal: the log scrolls, and below it stand the running stages with a spinner and
// their times.
import { formatDuration } from '@rivet/base';
import { inertLine } from '../inert.ts';
import type { Output } from '../output.ts';
import { createLineFormat } from './format.ts';
import type { Progress } from './progress.ts';
import { StageBoard, type StageView, summaryLines } from './summary.ts';

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const TICK_MS = 100;
const RUNNING_MAX = 6;

export interface LiveOptions {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** @param stages names of the stages in the order of the file */
export function createLiveProgress(
  output: Output,
  stages: readonly string[],
  options: LiveOptions = { now: Date.now },
): Progress {
  const format = createLineFormat(stages, output.style);
  const board = new StageBoard(stages);
  // When this program heard that a stage began: the clock of its runner may be another.
  const heardAt = new Map<string, number>();
  let drawn = 0;
  let frame = 0;
  let stopped = false;

  const erase = (): void => {
    if (drawn > 0) output.control(`\r\u001b[${drawn}A\u001b[0J`);
    drawn = 0;
  };
  // Drawn on the tick, not with each line: a fast log must not pay for the spinner.
  const draw = (): void => {
    erase();
    frame += 1;
    const lines = statusLines(
      board.stages,
      heardAt,
      options.now(),
      FRAMES[frame % FRAMES.length] ?? '',
    );
    for (const line of lines) output.line(output.style.dim(fit(line, output.columns - 1)));
    drawn = lines.length;
  };
  const timer = setInterval(draw, TICK_MS);
  timer.unref();
  const stop = (): void => {
    if (stopped) return;
    stopped = true;
    clearInterval(timer);
    erase();
  };
  const print = (lines: readonly string[]): void => {
    erase();
    for (const line of lines) output.line(line);
  };
  return {
    line: (line) => print(format.line(line)),
    stage: (change) => {
      board.apply(change);
      if (change.state === 'running') heardAt.set(change.stage, options.now());
      if (change.state !== 'pending') print([format.stage(change)]);
    },
    remark: (text) => print([text]),
    end: (end) => {
      stop();
      print(summaryLines(board.stages, end, output.style));
    },
    stop,
  };
}

function statusLines(
  stages: readonly StageView[],
  heardAt: ReadonlyMap<string, number>,
  now: number,
  spinner: string,
): string[] {
  const running = stages.filter((stage) => stage.state === 'running');
  const ended = stages.filter(
    (stage) => stage.finishedAt !== undefined || stage.state === 'skipped',
  );
  const lines = running.slice(0, RUNNING_MAX).map((stage) => {
    const took = formatDuration(Math.max(0, now - (heardAt.get(stage.name) ?? now)));
    return `${spinner} ${inertLine(stage.name, { color: false })}  ${took}`;
  });
  const more = running.length - lines.length;
  if (more > 0) lines.push(`  and ${more} more`);
  if (running.length === 0) lines.push(`${spinner} waiting`);
  if (stages.length > 1) lines.push(`  ${ended.length} of ${stages.length} stages ended`);
  return lines;
}

/** Cuts text to a number of columns; what may be wide counts as two, so that a line never wraps. */
export function fit(text: string, columns: number): string {
  let used = 0;
  let fitted = '';
  for (const character of text) {
    const isBraille = character >= '\u2800' && character <= '\u28ff';
    used += character < '\u1100' || isBraille ? 1 : 2;
    if (used > columns) return fitted;
    fitted += character;
  }
  return fitted;
}
