// The registration token that a runner was given: as text, or in a file.
import { readFile } from 'node:fs/promises';
import { describeThrown, RivetError, SecretText } from '@rivet/base';

export interface RegistrationSource {
  readonly token: SecretText | undefined;
  /** Absolute path. */
  readonly file: string | undefined;
}

const PATTERN = /^rvg_[A-Za-z0-9_-]{43}$/;

/**
 * Undefined when the runner was given none.
 * @throws RIVET_RUNNER_TOKEN_MALFORMED, also when the file cannot be read
 */
export async function readRegistrationToken({
  token,
  file,
}: RegistrationSource): Promise<SecretText | undefined> {
  if (token !== undefined) return check(token.reveal(), 'RIVET_RUNNER_TOKEN');
  if (file === undefined) return undefined;
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const source = `the file ${file}, which cannot be read (${describeThrown(error)}),`;
    throw RivetError.of('RIVET_RUNNER_TOKEN_MALFORMED', { source }, error);
  }
  return check(text.trim(), `the file ${file}`);
}

function check(text: string, source: string): SecretText {
  if (PATTERN.test(text)) return new SecretText(text);
  throw RivetError.of('RIVET_RUNNER_TOKEN_MALFORMED', { source });
}
