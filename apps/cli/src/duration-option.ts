// Reads the durations of options.
import { parseDuration, RivetError } from '@rivet/base';

/**
 * The seconds that an option says, rounded up.
 * @param name with its dashes
 * @param examples what is expected besides a duration, for the message
 * @throws RIVET_CONFIG_INVALID
 */
export function parseDurationOption(name: string, found: string, examples: string): number {
  try {
    return Math.ceil(parseDuration(found) / 1000);
  } catch {
    throw RivetError.of('RIVET_CONFIG_INVALID', {
      key: name,
      found: JSON.stringify(found),
      expected: `a duration ${examples}`,
      hint: 'Correct the value of the option.',
    });
  }
}
