// A pipeline's definition in words: its inputs, and its stages with what they wait for.
import { formatDuration } from '@rivet/base';
import { stageDependencies } from '@rivet/pipeline';
import type { InputDefinition, PipelineDefinition, StageDefinition } from '@rivet/protocol';
import type { Style } from './output.ts';

/** The lines of `Inputs`, `Plugins` where there are any, and `Stages`. */
export function describePipeline(definition: PipelineDefinition, style: Style): string[] {
  const { inputs, plugins, stages } = definition;
  const dependencies = stageDependencies(definition);
  const inputLines = inputs.map((input) => `  ${style.cyan(input.name)}  ${describeInput(input)}`);
  const stageLines = stages.map((stage, at) => {
    const notes = describeStage(stage, dependencies.get(stage.name) ?? []);
    return `  ${String(at + 1).padStart(2)}. ${style.cyan(stage.name)}${notes === '' ? '' : `  ${notes}`}`;
  });
  return [
    style.bold('Inputs'),
    ...(inputLines.length > 0 ? inputLines : ['  none']),
    ...(plugins.length > 0 ? [style.bold('Plugins')] : []),
    ...plugins.map(({ name, version }) => `  ${style.cyan(name)}  ${version}`),
    style.bold('Stages'),
    ...stageLines,
  ];
}

/** `string, required, one of debug, release: which build`. */
export function describeInput(input: InputDefinition): string {
  const rules = [
    input.type === 'list' && input.items !== undefined ? `list of ${input.items.type}` : input.type,
    input.default === undefined
      ? input.required
        ? 'required'
        : 'optional'
      : `default ${input.secret ? '***' : JSON.stringify(input.default)}`,
    ...(input.secret ? ['secret'] : []),
    ...(input.options === undefined ? [] : [`one of ${input.options.map(String).join(', ')}`]),
    ...(input.has_options === true ? ['options that follow from the inputs before'] : []),
    ...(input.min === undefined ? [] : [`from ${input.min}`]),
    ...(input.max === undefined ? [] : [`to ${input.max}`]),
    ...(input.pattern === undefined ? [] : [`matching ${input.pattern}`]),
  ];
  const description = input.description === undefined ? '' : `: ${input.description}`;
  return rules.join(', ') + description;
}

function describeStage(stage: StageDefinition, waitsFor: readonly string[]): string {
  return [
    waitsFor.length === 0 ? 'at once' : `after ${waitsFor.join(', ')}`,
    stage.container === null ? 'default container' : `in ${stage.container.image}`,
    ...(stage.has_condition ? ['only if its condition holds'] : []),
    ...(stage.timeout_ms === null ? [] : [`at most ${formatDuration(stage.timeout_ms)}`]),
    ...(stage.retry_max > 0 ? [`${stage.retry_max} more tries`] : []),
    ...(stage.allow_failure ? ['may fail'] : []),
    ...(stage.always ? ['always'] : []),
  ].join(', ');
}
