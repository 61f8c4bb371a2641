// The provider "environment": variables of the orchestrator with a prefix of the operator's choice.
import type { SecretText } from '@rivet/base';
import { referenceInvalid, type SecretSource } from './secret-source.ts';

/** @param variables by name, without the prefix; nothing else of the environment can be had */
export function environmentSource(variables: ReadonlyMap<string, SecretText>): SecretSource {
  const checkReference = (reference: string): void => {
    if (/^[A-Za-z0-9_]{1,200}$/.test(reference)) return;
    const expected = 'the name of a variable without its prefix';
    throw referenceInvalid('environment', reference, expected);
  };
  return {
    name: 'environment',
    checkReference,
    async read(reference) {
      checkReference(reference);
      return variables.get(reference);
    },
  };
}
