// Progress in a pipe or a file: one line for everything that happens.
import type { Output } from '../output.ts';
import { createLineFormat } from './format.ts';
import type { Progress } from './progress.ts';
import { StageBoard, summaryLines } from './summary.ts';

/** @param stages names of the stages in the order of the file */
export function createPlainProgress(output: Output, stages: readonly string[]): Progress {
  const format = createLineFormat(stages, output.style);
  const board = new StageBoard(stages);
  return {
    line: (line) => {
      for (const text of format.line(line)) output.line(text);
    },
    stage: (change) => {
      board.apply(change);
      if (change.state !== 'pending') output.line(format.stage(change));
    },
    remark: (text) => output.line(text),
    end: (end) => {
      for (const text of summaryLines(board.stages, end, output.style)) output.line(text);
    },
    stop: () => undefined,
  };
}
