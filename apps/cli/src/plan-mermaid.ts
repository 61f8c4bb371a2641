// A plan as a Mermaid flowchart, which forges and wikis draw from the text.
import type { Plan, PlannedStage } from './plan.ts';

/** The text of the flowchart: what may run is solid, what decides in the run or is skipped dashed. */
export function planMermaid(plan: Plan): string {
  const ids = new Map(plan.stages.map(({ name }, at) => [name, `s${at + 1}`]));
  const edges = plan.stages.flatMap(({ name, after }) =>
    after.map((need) => `  ${ids.get(need)} --> ${ids.get(name)}`),
  );
  const classed = (runs: PlannedStage['runs'], style: string): string[] => {
    const members = plan.stages.filter((stage) => stage.runs === runs);
    if (members.length === 0) return [];
    const names = members.map(({ name }) => ids.get(name)).join(',');
    return [`  classDef ${runs} ${style}`, `  class ${names} ${runs}`];
  };
  return [
    'flowchart TD',
    ...plan.stages.map((stage) => `  ${ids.get(stage.name)}${node(stage)}`),
    ...edges,
    ...classed('maybe', 'stroke-dasharray: 5 5'),
    ...classed('no', 'stroke-dasharray: 2 4,opacity:0.5'),
  ].join('\n');
}

/** A stage that always runs has round ends. */
function node({ name, image, runs, always }: PlannedStage): string {
  const note = { yes: image, maybe: `${image}<br/>maybe`, no: 'skipped' }[runs];
  const label = `"${labelText(name)}<br/><small>${note.split('<br/>').map(labelText).join('<br/>')}</small>"`;
  return always ? `([${label}])` : `[${label}]`;
}

/** Mermaid takes character codes for what its labels have a use for. */
function labelText(text: string): string {
  return text.replaceAll(/[&"<>#;`]/g, (character) => `#${character.charCodeAt(0)};`);
}
