// How secrets are told to people: where one is, what it is for. Never what it is.
import type { Secret } from '@rivet/protocol';
import { text } from './command.ts';

/** The option of every command on one secret. */
export const secretPipelineOption = {
  pipeline: text(
    'NAME',
    'The secret of this pipeline alone; the one of the installation when absent',
  ),
} as const;

/** The query of a request on one secret. */
export function scopeQuery(pipeline: string | undefined): { pipeline?: string } {
  return pipeline === undefined ? {} : { pipeline };
}

/** `NPM_TOKEN`, or `NPM_TOKEN of the pipeline release`. */
export function secretTitle(secret: Pick<Secret, 'name' | 'pipeline'>): string {
  return secret.pipeline === null
    ? secret.name
    : `${secret.name} of the pipeline ${secret.pipeline}`;
}

/** `version 3`, or `vault secret/ci#token`. */
export function secretPlace({ provider, reference, version }: Secret): string {
  return version === null ? `${provider} ${reference}` : `version ${version}`;
}

/** `release-* (manual)`; events are told where they are not all. */
export function grantText({ pipelines, events }: Secret['grants'][number]): string {
  return events.length > 1 ? pipelines : `${pipelines} (${events.join(', ')})`;
}
