// Progress for programs: one JSON object a line, documented in docs/reference/cli.md.
import type { Output } from '../output.ts';
import type { Progress } from './progress.ts';

export function createJsonProgress(output: Output): Progress {
  const write = (value: unknown): void => output.json(value, { line: true });
  return {
    line: (line) => write({ type: 'line', ...line }),
    stage: (change) => write({ type: 'stage', ...change }),
    remark: (text) => write({ type: 'remark', text }),
    end: ({ durationMs, ...end }) => write({ type: 'end', ...end, duration_ms: durationMs }),
    stop: () => undefined,
  };
}
