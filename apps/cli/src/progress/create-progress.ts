// Chooses how a job is shown: JSON when asked for, live at a terminal, plain lines otherwise.
import type { Output } from '../output.ts';
import { createJsonProgress } from './json-progress.ts';
import { createLiveProgress } from './live-progress.ts';
import { createPlainProgress } from './plain-progress.ts';
import type { Progress } from './progress.ts';

/** @param stages names of the stages in the order of the file */
export function createProgress(
  output: Output,
  stages: readonly string[],
  options: { json: boolean },
): Progress {
  if (options.json) return createJsonProgress(output);
  return output.terminal ? createLiveProgress(output, stages) : createPlainProgress(output, stages);
}
