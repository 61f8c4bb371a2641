// The end of a job: its stages with times, what failed and where, what to do, and its outputs.
import { findErrorEntry, formatDuration } from '@rivet/base';
import type { StageChange, StageState } from '@rivet/protocol';
import type { Style } from '../output.ts';
import { firstLineOf, paintState } from './format.ts';
import type { JobEnd } from './progress.ts';

/** What is known about a stage. */
export interface StageView {
  readonly name: string;
  state: StageState;
  /** Milliseconds since the epoch, as the job's runner saw them. */
  startedAt: number | undefined;
  finishedAt: number | undefined;
  reason: string | undefined;
  uncheckedExits: number;
}

/** The stages of a job in order, kept up to date by their changes. */
export class StageBoard {
  readonly #stages = new Map<string, StageView>();

  constructor(names: readonly string[]) {
    for (const name of names) this.#stages.set(name, pendingStage(name));
  }

  get stages(): readonly StageView[] {
    return [...this.#stages.values()];
  }

  /** A new attempt begins: everything is pending again. */
  reset(): void {
    for (const name of this.#stages.keys()) this.#stages.set(name, pendingStage(name));
  }

  apply(change: StageChange): void {
    const stage = this.#stages.get(change.stage) ?? pendingStage(change.stage);
    this.#stages.set(change.stage, stage);
    stage.state = change.state;
    stage.reason = change.reason;
    stage.uncheckedExits = change.unchecked_exits ?? stage.uncheckedExits;
    const at = Date.parse(change.t);
    if (change.state === 'running') {
      stage.startedAt = at;
      stage.finishedAt = undefined;
    } else if (change.state !== 'pending') {
      stage.finishedAt = at;
    }
  }
}

function pendingStage(name: string): StageView {
  return {
    name,
    state: 'pending',
    startedAt: undefined,
    finishedAt: undefined,
    reason: undefined,
    uncheckedExits: 0,
  };
}

/** The lines of the summary. */
export function summaryLines(stages: readonly StageView[], end: JobEnd, style: Style): string[] {
  const width = Math.max(0, ...stages.map((stage) => stage.name.length));
  const rows = stages.map((stage) => stageRow(stage, width, style));
  return [
    '',
    ...rows,
    ...(rows.length > 0 ? [''] : []),
    ...outcomeLines(end, style),
    ...outputLines(end.outputs, style),
    ...markdownLines(end.summary, style),
  ];
}

function stageRow(stage: StageView, width: number, style: Style): string {
  const { name, state, startedAt, finishedAt, reason, uncheckedExits } = stage;
  const took =
    startedAt === undefined || finishedAt === undefined
      ? ''
      : formatDuration(Math.max(0, finishedAt - startedAt));
  const notes = [
    ...(reason === undefined ? [] : [firstLineOf(reason)]),
    ...(uncheckedExits > 0 ? [uncheckedNote(uncheckedExits)] : []),
  ];
  const painted = paintState(state, style)(state.padEnd(9));
  return `  ${name.padEnd(width)}  ${painted}  ${took.padEnd(7)} ${notes.join('; ')}`.trimEnd();
}

function uncheckedNote(count: number): string {
  const commands = count === 1 ? '1 command' : `${count} commands`;
  return `${commands} failed and nobody looked at the exit code`;
}

function outcomeLines(end: JobEnd, style: Style): string[] {
  const took = formatDuration(end.durationMs);
  if (end.state === 'succeeded') return [style.green(`Job succeeded in ${took}`)];
  const paint = end.state === 'failed' ? style.red : style.yellow;
  const reason = end.reason === undefined ? '' : ` (${end.reason})`;
  const lines = [paint(`Job ${end.state} after ${took}${reason}`)];
  if (end.message !== undefined && end.message !== '') {
    lines.push(...end.message.split('\n').map((line) => `  ${line}`));
  }
  const solve = end.code === undefined ? undefined : findErrorEntry(end.code)?.solve;
  if (solve !== undefined) lines.push(`  ${style.dim(`${solve} (${end.code})`)}`);
  return lines;
}

function outputLines(outputs: Readonly<Record<string, unknown>>, style: Style): string[] {
  const entries = Object.entries(outputs);
  if (entries.length === 0) return [];
  return [
    '',
    style.bold('Outputs'),
    ...entries.map(([name, value]) => `  ${name} = ${shown(value)}`),
  ];
}

/** Markdown as it was written: it is made to be read as text too. */
function markdownLines(summary: string | null, style: Style): string[] {
  if (summary === null) return [];
  return ['', style.bold('Summary'), ...indented(summary)];
}

/** The lines of a text, each a little to the right. */
export function indented(text: string): string[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => `  ${line}`.trimEnd());
}

/** An output value on one line: JSON, with text as it is when it is one line. */
function shown(value: unknown): string {
  if (typeof value === 'string' && !value.includes('\n')) return value;
  return JSON.stringify(value) ?? 'null';
}
