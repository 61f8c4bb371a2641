// Where the values of secrets come from: the contract that whoever runs jobs fulfils.
import { SecretText } from '@rivet/base';

/** Gives the values of secrets. Asked once a name and attempt, and only for declared names. */
export interface SecretProvider {
  /** Undefined when there is no such secret for this job. */
  get(name: string): Promise<SecretText | undefined>;
  /** What the author should know about a name for which `get` gave undefined. */
  whyAbsent?(name: string): string | undefined;
}

/** Gives what was handed to the program that runs the job. */
export function givenSecrets(values: ReadonlyMap<string, string>): SecretProvider {
  return {
    async get(name) {
      const text = values.get(name);
      return text === undefined ? undefined : new SecretText(text);
    },
  };
}

/** A provider without any. */
export const noSecrets: SecretProvider = givenSecrets(new Map());
