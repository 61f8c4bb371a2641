// Puts log lines and stage changes, which come over two connections, into the order in which they
// happened.
import type { JobDetail, LogLine, StageChange } from '@rivet/protocol';
import type { Progress } from './progress/progress.ts';

/** Longer than this nothing waits for the other connection, in milliseconds. */
const PATIENCE_MS = 500;

interface Waiting<T> {
  readonly item: T;
  /** On this machine's monotonic clock. */
  readonly since: number;
}

interface WaitingChange extends Waiting<StageChange> {
  /** Lines that the server had when it told the change. */
  readonly afterLines: number;
}

export interface CourseMerger {
  line(line: LogLine): void;
  /** @param job the snapshot that the changes were found in */
  changes(job: Pick<JobDetail, 'log_lines'>, changes: readonly StageChange[]): void;
  /** Another attempt begins: lines are counted anew. */
  reset(): void;
  /** Shows what still waits. */
  flush(): void;
}

/**
 * A change waits for the lines before it, and the first line of a stage for the change that says
 * that the stage runs; both not longer than half a second.
 */
export function createCourseMerger(
  progress: Pick<Progress, 'line' | 'stage'>,
  now: () => number = () => performance.now(),
): CourseMerger {
  let lines: Waiting<LogLine>[] = [];
  let changes: WaitingChange[] = [];
  const announced = new Set<string>();
  let seenLines = 0;
  let timer: NodeJS.Timeout | undefined;

  const showLine = (): void => {
    const next = lines.shift();
    if (next === undefined) return;
    seenLines = next.item.n;
    progress.line(next.item);
  };
  const showChange = (): void => {
    const next = changes.shift();
    if (next === undefined) return;
    announced.add(next.item.stage);
    progress.stage(next.item);
  };
  /** Shows what is next, if it need not wait. */
  const step = (patient: boolean): boolean => {
    const [line] = lines;
    const [change] = changes;
    const waits = (since: number): boolean => patient && now() - since < PATIENCE_MS;
    if (change !== undefined && (line === undefined || precedes(change.item, line.item))) {
      if (line === undefined && seenLines < change.afterLines && waits(change.since)) return false;
      showChange();
      return true;
    }
    if (line === undefined) return false;
    const { stage } = line.item;
    if (stage !== '' && !announced.has(stage) && waits(line.since)) return false;
    showLine();
    return true;
  };
  const run = (patient: boolean): void => {
    clearTimeout(timer);
    while (step(patient));
    if (lines.length + changes.length > 0) timer = setTimeout(() => run(true), PATIENCE_MS / 5);
  };
  return {
    line(item) {
      lines.push({ item, since: now() });
      run(true);
    },
    changes(job, found) {
      const since = now();
      changes.push(...found.map((item) => ({ item, since, afterLines: job.log_lines })));
      changes.sort((a, b) => Date.parse(a.item.t) - Date.parse(b.item.t));
      run(true);
    },
    reset() {
      run(false);
      seenLines = 0;
      announced.clear();
      lines = [];
      changes = [];
    },
    flush: () => run(false),
  };
}

/** A stage begins before its lines and ends after them. */
function precedes(change: StageChange, line: LogLine): boolean {
  const at = Date.parse(change.t);
  const lineAt = Date.parse(line.t);
  return change.state === 'running' ? at <= lineAt : at < lineAt;
}
