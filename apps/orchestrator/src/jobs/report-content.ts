// What a report may say, whoever sends it: texts the database can hold, and no more than is meant.
import { formatSize, RivetError } from '@rivet/base';
import type { ReportRequest, StageChange } from '@rivet/protocol';

/** Of a reason, message or code; what is longer is cut: lists show these. */
const TEXT_LENGTH_MAX = 16_384;
/** Of a stage in one round trip: its first, and those of its last run. */
const CHANGES_MAX = 8;
const OUTPUT_NAME_LENGTH_MAX = 200;

/** Outputs of an attempt: how many, and their bytes as JSON. */
const outputLimits = { count: 10_000, bytes: 32 * 1024 * 1024 };

/** @throws RIVET_REQUEST_INVALID */
export function checkReport({ outcome, outputs }: ReportRequest): void {
  if (outcome?.state === 'failed' && outcome.reason === undefined) {
    throw invalid('body.outcome.reason is missing; a failed job has one');
  }
  const names = Object.keys(outputs);
  if (names.length > outputLimits.count) {
    throw invalid(
      `body.outputs has ${names.length} values; expected at most ${outputLimits.count}`,
    );
  }
  const long = names.find((name) => name.length > OUTPUT_NAME_LENGTH_MAX);
  if (long === undefined) return;
  const found = `a name of ${long.length} characters`;
  throw invalid(`body.outputs has ${found}; expected at most ${OUTPUT_NAME_LENGTH_MAX}`);
}

/** @throws RIVET_REQUEST_INVALID when a stage is not one of the definition's */
export function checkStages(changes: readonly StageChange[], known: ReadonlySet<string>): void {
  const unknown = changes.find(({ stage }) => !known.has(stage));
  if (unknown === undefined) return;
  const name = JSON.stringify(clean(unknown.stage).slice(0, 100));
  throw invalid(`body.stages names the stage ${name}, which the pipeline does not have`);
}

/** @throws RIVET_REQUEST_INVALID */
export function checkOutputTotals(totals: { count: number; bytes: number }): void {
  const { count, bytes } = outputLimits;
  if (totals.count > count) {
    throw invalid(`the job has ${totals.count} outputs; expected at most ${count}`);
  }
  if (totals.bytes > bytes) {
    const found = formatSize(totals.bytes);
    throw invalid(`the outputs of the job take ${found}; expected at most ${formatSize(bytes)}`);
  }
}

/**
 * The changes in rounds, each with at most one change of a stage: what came between the first
 * change of a stage and its last run is left out, as nothing of it would stay.
 * @throws RIVET_REQUEST_INVALID
 */
export function roundsOf(changes: readonly StageChange[]): StageChange[][] {
  const rounds: StageChange[][] = [];
  for (const ofStage of Map.groupBy(changes, ({ stage }) => stage).values()) {
    const lastRun = ofStage.at(-1)?.run;
    const kept = ofStage.filter((change, index) => {
      if (index === 0) return true;
      const next = ofStage[index + 1];
      const repeated = next?.run === change.run && next.state === change.state;
      return change.run === lastRun && !repeated;
    });
    if (kept.length > CHANGES_MAX) {
      throw invalid(`body.stages has ${kept.length} changes of one run of a stage`);
    }
    for (const [round, change] of kept.entries()) {
      rounds[round] ??= [];
      rounds[round].push(cleanTexts(change));
    }
  }
  return rounds;
}

/** The value with all its texts cleaned and cut. */
export function cleanTexts<T extends object>(value: T): T {
  const fields = Object.entries(value).map(([name, field]) => [
    name,
    typeof field === 'string' ? clean(field).slice(0, TEXT_LENGTH_MAX).toWellFormed() : field,
  ]);
  return Object.fromEntries(fields) as T;
}

/** Texts of a job may hold what PostgreSQL's `text` cannot: shown as the replacement character. */
export function clean(text: string): string {
  return text.replaceAll('\0', '\uFFFD').toWellFormed();
}

function invalid(summary: string): RivetError {
  return RivetError.of('RIVET_REQUEST_INVALID', { summary });
}
