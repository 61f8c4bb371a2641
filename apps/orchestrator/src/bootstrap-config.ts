// The settings of the program "bootstrap" besides those of the orchestrator.
import { SecretText } from '@rivet/base';

/** The API key that an earlier run of the program "bootstrap" made; undefined when there is none. */
export function readBootstrapKey(
  env: Readonly<Record<string, string | undefined>>,
): SecretText | undefined {
  const { RIVET_BOOTSTRAP_API_KEY: key = '' } = env;
  return key === '' ? undefined : new SecretText(key);
}
