// Which group of its pipeline a job belongs to: the inputs may say.
import { createHash } from 'node:crypto';
import type { InputValues, PipelineDefinition } from '@rivet/protocol';
import type { GroupMember } from '@rivet/store';
import type { PreparedLaunch } from './store-launch.ts';

/** Longer names end in a hash, so that an index can hold them. */
const NAME_BYTES_MAX = 1000;

/**
 * The group of a job with these inputs; undefined when its pipeline has none.
 * @param inputs of which those that a group can be named after are not secret
 */
export function groupOf(
  { concurrency }: PipelineDefinition,
  inputs: InputValues,
): string | undefined {
  const name = concurrency?.group.replaceAll(/\{([^{}]*)\}/g, (_, input: string) =>
    textOf(inputs[input]),
  );
  if (name === undefined || Buffer.byteLength(name) <= NAME_BYTES_MAX) return name;
  const hash = createHash('sha256').update(name).digest('hex');
  // A character may have four bytes.
  return `${name.slice(0, NAME_BYTES_MAX / 4 - hash.length)}${hash}`;
}

function textOf(value: InputValues[string] | undefined): string {
  // What PostgreSQL cannot hold in a text.
  return value === undefined ? '' : String(value).replaceAll('\0', '').toWellFormed();
}

/** The jobs of the launches that belong to groups. */
export function groupMembers(launches: readonly PreparedLaunch[]): GroupMember[] {
  return launches.flatMap(({ jobs, pipelineId, concurrency: rule }) => {
    if (rule === undefined) return [];
    const { limit: membersMax, cancel_superseded: supersedes, weight } = rule;
    return jobs.flatMap(({ id: jobId, group }) =>
      group === undefined ? [] : [{ jobId, group, membersMax, supersedes, pipelineId, weight }],
    );
  });
}
