// A plan for people: the stages in the order in which they would run.
import { formatDuration } from '@rivet/base';
import type { Style } from './output.ts';
import type { Plan, PlannedStage } from './plan.ts';

/** The lines of the plan. */
export function planLines(plan: Plan, style: Style): string[] {
  const inputs = [
    ...Object.entries(plan.inputs).map(([name, value]) => `  ${name} = ${JSON.stringify(value)}`),
    ...plan.missing.map((name) => style.yellow(`  ${name} is missing: a run needs it`)),
  ];
  const lines = [
    `${style.bold(plan.pipeline)}: this is what would run; nothing was started`,
    style.bold('Inputs'),
    ...(inputs.length === 0 ? ['  none'] : inputs),
    ...needLines(plan, style),
    style.bold('Stages'),
  ];
  const width = Math.max(0, ...plan.stages.map(({ name }) => name.length));
  const waves = [...new Set(plan.stages.map((stage) => stage.wave))].sort((a, b) => a - b);
  for (const wave of waves) {
    for (const [at, stage] of plan.stages.filter((known) => known.wave === wave).entries()) {
      lines.push(...stageLines(stage, at === 0 ? `${wave}.` : '', width, style));
    }
  }
  return lines;
}

/** What must be there besides the pipeline itself; nothing where there is nothing. */
function needLines(plan: Plan, style: Style): string[] {
  const rows: [string, readonly string[]][] = [
    ['secrets', plan.secrets],
    ['identity', plan.id_tokens],
    ['plugins', plan.plugins],
    ['runner', plan.runner.map(({ key, value }) => `${key}=${value}`)],
    ['images', plan.images],
    ['time', plan.timeout_ms === null ? [] : [`at most ${formatDuration(plan.timeout_ms)}`]],
  ];
  return [
    style.bold('Needs'),
    ...rows
      .filter(([, values]) => values.length > 0)
      .map(([name, values]) => `  ${name.padEnd(8)} ${values.join(', ')}`),
  ];
}

function stageLines(stage: PlannedStage, number: string, width: number, style: Style): string[] {
  const start = `  ${number.padStart(3)} `;
  const name = stage.name.padEnd(width);
  const text = `${name}  ${stageNotes(stage).join(', ')}`;
  const margin = ' '.repeat(start.length + width + 2);
  if (stage.runs === 'no') {
    return [style.dim(`${start}${text}`), style.yellow(`${margin}skipped: ${stage.reason}`)];
  }
  const maybe = stage.runs === 'maybe' ? [style.yellow(`${margin}maybe: ${stage.reason}`)] : [];
  return [`${start}${style.cyan(name)}${text.slice(width)}`, ...maybe];
}

function stageNotes(stage: PlannedStage): string[] {
  return [
    stage.after.length === 0 ? 'at once' : `after ${stage.after.join(', ')}`,
    `in ${stage.image}`,
    ...(stage.timeout_ms === null ? [] : [`at most ${formatDuration(stage.timeout_ms)}`]),
    ...(stage.retry_max === 0 ? [] : [`up to ${stage.retry_max + 1} runs`]),
    ...(stage.readonly ? ['read-only'] : []),
    ...(stage.always ? ['always'] : []),
    ...(stage.allow_failure ? ['may fail'] : []),
    ...(stage.condition !== null && stage.runs === 'yes' ? ['its condition is met'] : []),
  ];
}
