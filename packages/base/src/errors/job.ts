// Errors of the area "job": what a running pipeline can do wrong, and what stops a job.
import { defineErrors } from './define.ts';

const author = { status: 422, exit: 1, fault: 'user' } as const;
const installation = { status: 500, exit: 1, fault: 'operator' } as const;

export const jobErrors = defineErrors({
  RIVET_CALL_ARGUMENT: {
    message: '{function}: {path} is {found}; expected {expected}',
    solve: 'Correct the argument at the line named above; docs/reference/lua.md describes it.',
    ...author,
  },
  RIVET_CALL_OPTION_UNKNOWN: {
    message: '{function} has no option "{option}"{nearest}',
    solve: 'Correct the name of the option; docs/reference/lua.md lists the options.',
    ...author,
  },
  RIVET_CALL_UNKNOWN: {
    message: 'there is no host function "{function}"',
    solve: 'This is a defect of Rivet: a module calls a function that its registry lacks.',
    status: 500,
    exit: 1,
    fault: 'rivet',
  },
  RIVET_STAGE_CONDITION_EFFECT: {
    message: '{function} may not be called in the condition of a stage',
    solve:
      'A condition decides from inputs, outputs, job fields, files and the time; run commands in the script of a stage.',
    ...author,
  },
  RIVET_STAGE_TIMEOUT: {
    message: 'stage "{stage}" did not end within its timeout of {limit}',
    solve: 'Raise the `timeout` of the stage, or find out what it was waiting for.',
    ...author,
  },
  RIVET_JOB_TIMEOUT: {
    message: 'the job did not end within its timeout of {limit}',
    solve: 'Raise the `timeout` of the pipeline, or find out what it was waiting for.',
    ...author,
  },
  RIVET_JOB_EXPIRED: {
    message: 'no runner took the job within its max_queue_age of {limit}',
    solve:
      'Add runners, or raise `max_queue_age` of the pipeline. `rivet job explain` of a job that waits says what it waits for.',
    ...installation,
  },
  RIVET_JOB_OVERDUE: {
    message:
      'the runner {runner} did not end {what} within its timeout of {limit} and {grace} more, so the server did',
    solve:
      'Look at the runner: it reports, and does not stop what it runs. Where it needs longer to stop, raise RIVET_TIMEOUT_GRACE of the orchestrators.',
    ...installation,
  },
  RIVET_JOB_ENDLESS: {
    message:
      'the runner {runner} did not end the job, whose pipeline sets no timeout, within {limit} and {grace} more, so the server did',
    solve:
      'Give the pipeline a `timeout`: it counts instead. The limit of pipelines without one is RIVET_ATTEMPT_TIME_MAX of the orchestrators; a runner ends their jobs after its RIVET_JOB_TIMEOUT, so look at this one too.',
    ...installation,
  },
  RIVET_JOB_POISONED: {
    message: 'the job lost its runner {count} times ({runners}) and is not given to another',
    solve:
      'Find out what it does to its runners, most likely memory or disk: look at their logs at the end of these attempts. Then launch it again.',
    ...installation,
  },
  RIVET_JOB_CANCELED: {
    message: 'the job was canceled',
    solve: 'Launch it again when it is wanted.',
    status: 409,
    exit: 130,
    fault: 'user',
  },
  RIVET_JOB_STAGE_UNKNOWN: {
    message: 'the pipeline has no stage "{stage}"{nearest}',
    solve: 'Name one of the stages of the pipeline.',
    status: 400,
    exit: 2,
    fault: 'user',
  },
  RIVET_JOB_DEFINITION_CHANGED: {
    message: 'the pipeline file defines something else than when it was created:\n{difference}',
    solve:
      'The file is evaluated twice and must come out the same: build the definition from constants only.',
    ...author,
  },
  RIVET_JOB_LOG_LIMIT: {
    message: 'the log of the job reached its limit of {limit}',
    solve: 'Write less to the log: capture the output or send it to a file in /workspace.',
    ...author,
  },
  RIVET_JOB_JOURNAL_WRITE: {
    message: 'the journal of the job could not be written: {reason}',
    solve: 'Make room on the disk of the state directory of the runner and check its permissions.',
    ...installation,
  },
  RIVET_JOB_JOURNAL_INVALID: {
    message: '{path} is not a journal that this version can read: {reason}',
    solve: 'Use the version of Rivet that wrote it, or remove the file to give the attempt up.',
    ...installation,
  },
  RIVET_JOB_INTERRUPTED: {
    message:
      'the runner was killed while {call} was under way, and how far that came cannot be known: {reason}',
    solve:
      'Look at what it left and launch the job again. When it can be done twice, let the pipeline do so with retry = { max = 1, on = { "interrupted" } }.',
    ...installation,
  },
  RIVET_JOB_REPLAY_DIVERGED: {
    message:
      'the job cannot go on after its runner was started again: its script made another call than before, {found} instead of {call}',
    solve:
      'A script takes the same course when it gets the same answers: look for what differs from run to run, such as the address in the text of a table.',
    ...installation,
  },
  RIVET_JOB_REPORT: {
    message: 'what the job told could not be passed on: {reason}',
    solve: 'Look into the log of the program that ran the job.',
    ...installation,
  },
  RIVET_PROCESS_FAILED: {
    message: '{command} {how}{output}',
    solve:
      'Look at its output above. Without `check = true` the script can look at `exit_code` itself.',
    ...author,
  },
  RIVET_PROCESS_CAPTURE_LIMIT: {
    message: '{command} wrote more than {limit} to its captured {stream} and was stopped',
    solve: 'Write the output to a file in /workspace, or let it go to the log.',
    ...author,
  },
  RIVET_PROCESS_CWD_OUTSIDE: {
    message: '{function}: cwd {found} leaves /workspace',
    solve: 'Give a directory below /workspace, relative to it; `cd` in `process.sh` goes anywhere.',
    ...author,
  },
  RIVET_PROCESS_HANDLE: {
    message: '{function}: this command belongs to a stage that has ended',
    solve: 'Start the command in the stage that uses it.',
    ...author,
  },
  RIVET_PARALLEL_FAILED: {
    message: 'process.parallel: {failures}',
    solve: 'Look at the log section of the item that failed.',
    ...author,
  },
  RIVET_PARALLEL_STOPPED: {
    message: 'stopped because {item} of the same process.parallel failed',
    solve: 'Pass `fail_fast = false` to let the other items end.',
    ...author,
  },
  RIVET_INPUT_NOT_SET: {
    message: 'input "{input}" has no value{nearest}',
    solve: 'Give the input at launch, or declare it with a `default`.',
    ...author,
  },
  RIVET_OUTPUT_NOT_SET: {
    message: 'output "{output}" is not set{nearest}',
    solve: 'Set it in an earlier stage with output.set.',
    ...author,
  },
  RIVET_OUTPUT_TOO_LARGE: {
    message: '{what} would take {found}; the limit is {limit}',
    solve: 'Write big values to a file in /workspace, and keep the outputs small.',
    ...author,
  },
  RIVET_SUMMARY_TOO_LARGE: {
    message: 'the summary of the job would take {found}; the limit is {limit}',
    solve: 'Write the details to the log or to a file in /workspace, and keep the summary short.',
    ...author,
  },
  RIVET_JSON_DECODE: {
    message: 'json.decode: {reason} at line {line}, column {column}',
    solve: 'Check that the text is JSON and complete.',
    ...author,
  },
  RIVET_JSON_NUMBER: {
    message:
      'json.decode: the number {found} at line {line}, column {column} cannot be held exactly',
    solve: 'Numbers are exact up to 2^53 and 1.8e308; let the producer write it as a string.',
    ...author,
  },
  RIVET_JSON_ENCODE: {
    message: 'json.encode: {path} is {found}, which JSON cannot express',
    solve:
      'Encode strings of UTF-8, finite numbers, booleans, json.null, lists and tables of them.',
    ...author,
  },
});
