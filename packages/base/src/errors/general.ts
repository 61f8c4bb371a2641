// Errors of no particular area: bad options, interruptions, defects.
import { defineErrors } from './define.ts';

export const generalErrors = defineErrors({
  RIVET_INTERNAL: {
    message: 'Rivet failed: {reason}',
    solve:
      'This is a defect of Rivet. Please report it with the log of the program that printed it.',
    status: 500,
    exit: 1,
    fault: 'rivet',
  },
  RIVET_CONFIG_INVALID: {
    message: '{key} is {found}; expected {expected}',
    solve: 'Correct the value of the environment variable, option or configuration key.',
    status: 500,
    exit: 2,
    fault: 'operator',
  },
  RIVET_USAGE: {
    message: '{problem}',
    solve: 'Run the command with --help to see its options and examples.',
    status: 400,
    exit: 2,
    fault: 'user',
  },
  RIVET_INTERRUPTED: {
    message: 'interrupted by {by}',
    solve: 'Start it again when you are ready; what was started has been cleaned up.',
    status: 499,
    exit: 130,
    fault: 'user',
  },
  RIVET_TIMEOUT: {
    message: '{what} did not finish within {limit}',
    solve: 'Raise the limit, or find out what it was waiting for.',
    status: 504,
    exit: 1,
    fault: 'operator',
  },
  RIVET_DURATION_INVALID: {
    message: '{found} is not a duration; expected seconds or text such as "90s", "5m" or "2h"',
    solve: 'Write a number of seconds, or a number with one of the units ms, s, m, h, d.',
    status: 400,
    exit: 2,
    fault: 'user',
  },
  RIVET_SIZE_INVALID: {
    message: '{found} is not a size; expected bytes or text such as "64MB" or "1.5GB"',
    solve: 'Write a number of bytes, or a number with one of the units B, KB, MB, GB, TB.',
    status: 400,
    exit: 2,
    fault: 'user',
  },
});
