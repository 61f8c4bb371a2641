// The module `job`: read-only facts about the running job, and its summary.
import { type HostModule, hostFunction, required } from '../host-function.ts';
import type { JobSpec } from '../job.ts';
import { shownText } from '../value-readers.ts';

export const JOB_FIELDS = [
  'id',
  'attempt',
  'pipeline',
  'version',
  'launched_by',
  'url',
  'started_at',
  'source',
] as const;

export type JobFields = Readonly<Record<(typeof JOB_FIELDS)[number], string | number | null>>;

export function jobFields(spec: JobSpec, startedAtMs: number): JobFields {
  return {
    id: spec.id,
    attempt: spec.attempt,
    pipeline: spec.pipeline,
    version: spec.version,
    launched_by: spec.launchedBy,
    url: spec.url ?? null,
    started_at: new Date(startedAtMs).toISOString(),
    source: spec.source,
  };
}

export const jobModule: HostModule = {
  name: 'job',
  functions: {
    summary: hostFunction([required('markdown', shownText)], async ({ job }, markdown) => {
      await job.summary.add(markdown);
      return [];
    }),
  },
  fields: JOB_FIELDS,
};
