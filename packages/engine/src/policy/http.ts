// What a policy says about requests, put together from its levels.
import type { PipelinePolicy } from '@rivet/protocol';
import { type PolicyLevel, smallest } from './policy-level.ts';

type HttpRules = NonNullable<PipelinePolicy['http']>;

/** The rules of each level, and the one number that is left of them. */
export interface HttpRuleLevels {
  readonly installation: HttpRules | undefined;
  readonly pipeline: HttpRules | undefined;
  readonly stage: HttpRules | undefined;
  /** Undefined: no limit. */
  readonly requestsPerSecond: number | undefined;
}

export function httpRuleLevels(levels: readonly PolicyLevel[]): HttpRuleLevels {
  const of = (owner: PolicyLevel['owner']): HttpRules | undefined =>
    levels.find((level) => level.owner === owner)?.rules.http;
  return {
    installation: of('installation'),
    pipeline: of('pipeline'),
    stage: of('stage'),
    requestsPerSecond: smallest(levels, (rules) => rules.http?.rate)?.value,
  };
}
