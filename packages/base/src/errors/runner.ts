// Errors of the area "runner": its state directory, its spool, its lease, its end.
import { defineErrors } from './define.ts';

export const runnerErrors = defineErrors({
  RIVET_RUNNER_STATE_LOCKED: {
    message: 'the state directory {directory} is in use by the runner with process id {pid}',
    solve:
      'Stop that runner first, or give this one its own RIVET_STATE_DIRECTORY (and its own RIVET_RUNNER_NAME).',
    status: 409,
    exit: 1,
    fault: 'operator',
  },
  RIVET_RUNNER_STATE_UNUSABLE: {
    message: 'the state directory {directory} cannot be used: {reason}',
    solve:
      'Make it writable for the user of the runner, give it free disk space, or choose another with RIVET_STATE_DIRECTORY.',
    status: 500,
    exit: 1,
    fault: 'operator',
  },
  RIVET_RUNNER_UNFIT: {
    message: 'this machine cannot run containers: {problems}',
    solve: 'Run `rivet doctor` on this machine and mend what it names.',
    status: 500,
    exit: 1,
    fault: 'operator',
  },
  RIVET_RUNNER_REPLACED: {
    message: 'another runner registered with the name {name} while this one was running',
    solve: 'Give each runner a name of its own with RIVET_RUNNER_NAME, then start this one again.',
    status: 409,
    exit: 1,
    fault: 'operator',
  },
  RIVET_RUNNER_STOPPED: {
    message: 'the runner {name} was stopped before the job had ended',
    solve:
      'Launch the job again, or let the pipeline retry it with retry = { max = 1, on = { "runner_lost" } }.',
    status: 503,
    exit: 1,
    fault: 'operator',
  },
  RIVET_RUNNER_FENCED: {
    message:
      'the runner {name} could not reach the server for {silence} and stopped the job before its lease ran out',
    solve:
      'Check the network between the runner and the server. The pipeline can be retried with retry = { max = 1, on = { "runner_lost" } }.',
    status: 503,
    exit: 1,
    fault: 'operator',
  },
  RIVET_RUNNER_SPOOL_FAILED: {
    message: 'the runner {name} cannot keep the log of the job on its disk: {reason}',
    solve: 'Free disk space on the runner, in its RIVET_STATE_DIRECTORY.',
    status: 507,
    exit: 1,
    fault: 'operator',
  },
  RIVET_RUNNER_REPORT_REFUSED: {
    message: 'the server refused a report of the runner {name}: {reason}',
    solve: 'Run the same version of Rivet on the server and the runner; otherwise it is a defect.',
    status: 500,
    exit: 1,
    fault: 'rivet',
  },
});
