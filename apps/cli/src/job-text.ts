// A job on the server in words.
import { formatDuration } from '@rivet/base';
import { finalJobStates, type Job, type JobDetail, type JobState } from '@rivet/protocol';
import { exitCodes } from './exit-codes.ts';
import type { Style } from './output.ts';
import { firstLineOf, paintState } from './progress/format.ts';
import { indented } from './progress/summary.ts';

/** How long it ran, or has run by `now` (milliseconds since the epoch); empty before its start. */
export function jobDuration(job: Pick<Job, 'started_at' | 'finished_at'>, now: number): string {
  if (job.started_at === null) return '';
  const end = job.finished_at === null ? now : Date.parse(job.finished_at);
  return formatDuration(Math.max(0, end - Date.parse(job.started_at)));
}

/** The exit code that a job's end stands for. */
export function jobExitCode(state: JobState): number {
  return state === 'succeeded' ? exitCodes.success : exitCodes.failed;
}

export function isFinal(state: JobState): boolean {
  return finalJobStates.some((final) => final === state);
}

/** The lines of `rivet job show`. */
export function describeJob(job: JobDetail, style: Style, now: number): string[] {
  const rows: [string, string][] = [
    ['Job', job.id],
    ['Pipeline', `${job.pipeline}, version ${job.version}`],
    ['State', paintState(job.state, style)(stateText(job))],
    ['Attempt', String(job.attempt)],
    ['Runner', job.runner ?? 'none yet'],
    ['Launched', `${job.created_at} by ${job.launched_by}`],
    ['Duration', jobDuration(job, now)],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  const lines = rows
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${style.bold(name.padEnd(width))}  ${value}`);
  if (job.message !== null) lines.push(...job.message.split('\n').map((line) => `  ${line}`));
  lines.push(...section('Inputs', Object.entries(job.inputs), style));
  if (job.stages.length > 0) {
    lines.push(style.bold('Stages'), ...stageLines(job.stages, style, now));
  }
  lines.push(...section('Outputs', Object.entries(job.outputs), style));
  if (job.summary !== null) lines.push(style.bold('Summary'), ...indented(job.summary));
  return lines;
}

function stateText(job: JobDetail): string {
  if (job.reason !== null) return `${job.state} (${job.reason})`;
  return job.cancel_requested && !isFinal(job.state) ? `${job.state}, being canceled` : job.state;
}

function stageLines(stages: JobDetail['stages'], style: Style, now: number): string[] {
  const width = Math.max(...stages.map((stage) => stage.name.length));
  return stages.map((stage) => {
    const state = paintState(stage.state, style)(stage.state.padEnd(9));
    const reason = stage.reason === null ? '' : `  ${firstLineOf(stage.reason)}`;
    return `  ${stage.name.padEnd(width)}  ${state}  ${jobDuration(stage, now)}${reason}`.trimEnd();
  });
}

function section(
  title: string,
  entries: readonly (readonly [string, unknown])[],
  style: Style,
): string[] {
  if (entries.length === 0) return [];
  return [
    style.bold(title),
    ...entries.map(([name, value]) => {
      const shown =
        typeof value === 'string' && !value.includes('\n') ? value : JSON.stringify(value);
      return `  ${name} = ${shown}`;
    }),
  ];
}
