// The exit codes of `rivet`, in one table that the help and the reference show.

export const exitCodes = {
  success: 0,
  failed: 1,
  usage: 2,
  unreachable: 3,
  notFound: 4,
  denied: 5,
  interrupted: 130,
} as const;

/** What each code means, in the order in which they are shown. */
export const exitCodeMeanings: readonly (readonly [number, string])[] = [
  [exitCodes.success, 'success'],
  [exitCodes.failed, 'the job failed or was canceled, or something needed is broken'],
  [exitCodes.usage, 'wrong usage: command, option, input, configuration or an invalid pipeline'],
  [exitCodes.unreachable, 'the server cannot be reached'],
  [exitCodes.notFound, 'what was named does not exist, or you may not see it'],
  [exitCodes.denied, 'not signed in, or not allowed'],
  [exitCodes.interrupted, 'interrupted (Ctrl-C, TERM, or the reader of the output went away)'],
];
