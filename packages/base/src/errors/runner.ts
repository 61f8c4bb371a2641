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
  RIVET_RUNNER_BUNDLE: {
    message:
      'the files of the job {id} are not those that the server named: SHA-256 {found}, expected {expected}',
    solve:
      'Run the job again. If it happens again, look for a proxy between the runner and the server that changes answers.',
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
  RIVET_RUNNER_NOT_REGISTERED: {
    message: 'this runner is not registered: {directory} has no token, and it was given none',
    solve:
      'Make a registration token with `rivet runner token create` and start the runner once with --token-file or RIVET_RUNNER_TOKEN.',
    status: 401,
    exit: 2,
    fault: 'operator',
  },
  RIVET_RUNNER_REFUSED: {
    message: 'the server at {url} does not take the token of the runner {name}: {why}',
    solve:
      'If it never got as far as registering, start it with a registration token (`rivet runner token create`). Otherwise it was revoked, or belongs to another server: to register again, first remove the files token and token.next from its state directory.',
    status: 401,
    exit: 5,
    fault: 'operator',
  },
  RIVET_RUNNER_REGISTRATION_REFUSED: {
    message: 'the server at {url} does not take the registration token',
    solve:
      'It has expired, is used up, or was deleted. Make another with `rivet runner token create`.',
    status: 401,
    exit: 5,
    fault: 'operator',
  },
  RIVET_RUNNER_TOKEN_MALFORMED: {
    message: '{source} holds no registration token of runners',
    solve:
      'A registration token begins with rvg_ and comes from `rivet runner token create`; API keys (rvt_) are not for runners.',
    status: 400,
    exit: 2,
    fault: 'operator',
  },
  RIVET_RUNNER_PLAINTEXT: {
    message:
      'the runner would send its token and get secrets in clear: {url} is http to another machine',
    solve:
      'Use https. On a network where nobody can listen in, RIVET_ALLOW_PLAINTEXT=yes does without.',
    status: 400,
    exit: 2,
    fault: 'operator',
  },
  RIVET_RUNNER_NAME_TAKEN: {
    message: 'there is a runner {name} already, which has a token of its own',
    solve:
      'Give this runner another RIVET_RUNNER_NAME, or revoke the other first: `rivet runner revoke NAME`.',
    status: 409,
    exit: 1,
    fault: 'operator',
  },
  RIVET_RUNNER_REVOKED: {
    message: 'the runner {name} was revoked; its token cannot be registered again',
    solve:
      'Remove the files token and token.next from the state directory of the runner, then start it with a registration token.',
    status: 409,
    exit: 5,
    fault: 'operator',
  },
  RIVET_RUNNER_TAG_DENIED: {
    message:
      'the runner may not say about itself that it has the tags {found}; it may choose {allowed}',
    solve:
      'Leave them out of RIVET_RUNNER_TAGS, or register with a token that gives them (`rivet runner token create --tag KEY=VALUE`) or lets the runner choose them (`--choose KEY`).',
    status: 403,
    exit: 5,
    fault: 'operator',
  },
  RIVET_RUNNER_TAG_RESERVED: {
    message: 'the tag {key} is reserved: keys that begin with "rivet." are for Rivet itself',
    solve: 'Choose another key.',
    status: 400,
    exit: 2,
    fault: 'user',
  },
  RIVET_RUNNER_NOT_FOUND: {
    message: 'there is no runner {ref}',
    solve: 'List the runners with `rivet runner list`.',
    status: 404,
    exit: 4,
    fault: 'user',
  },
  RIVET_RUNNER_BUSY: {
    message: 'the runner {name} has jobs that have not ended: {running}',
    solve:
      'Let it finish them first: `rivet runner drain NAME`, then `rivet runner show NAME` until it has none. With --force they are lost at once, and go on elsewhere where their pipelines allow another attempt.',
    status: 409,
    exit: 1,
    fault: 'user',
  },
  RIVET_REGISTRATION_TOKEN_NOT_FOUND: {
    message: 'there is no registration token {id}',
    solve: 'List them with `rivet runner token list`.',
    status: 404,
    exit: 4,
    fault: 'user',
  },
  RIVET_RUNNER_REPLACED: {
    message:
      'another process started with the token of the runner {name} while this one was running',
    solve:
      'Each runner needs a state directory of its own: a copy of one is the same runner. Register the copy anew, with the files token and token.next removed.',
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
