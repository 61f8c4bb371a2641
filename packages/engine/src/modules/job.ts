// The module `job`: read-only facts about the running job, its summary, and proof of its identity.
import { type HostModule, hostFunction, required } from '../host-function.ts';
import type { JobSpec } from '../job.ts';
import { asLuaValue } from '../secrets/secret-values.ts';
import { shownText, text } from '../value-readers.ts';
import { moduleSource } from './sources.ts';

export const JOB_FIELDS = [
  'id',
  'attempt',
  'pipeline',
  'version',
  'launched_by',
  'event',
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
    // A run without a server is a person's.
    event: spec.event ?? 'manual',
    url: spec.url ?? null,
    started_at: new Date(startedAtMs).toISOString(),
    source: spec.source,
  };
}

export const jobModule: HostModule = {
  name: 'job',
  functions: {
    summary: hostFunction(
      [required('markdown', shownText)],
      async ({ job }, markdown) => {
        await job.summary.add(markdown);
        return [];
      },
      { replay: 'again' },
    ),
    id_token: hostFunction(
      [required('audience', text)],
      async ({ job, name }, audience) => [asLuaValue(await job.identity.token(audience, name))],
      { replay: 'again' },
    ),
  },
  fields: JOB_FIELDS,
  source: moduleSource('job', ['secret-value']),
};
