// Errors of the area "cli": what a command was given, and the programs it starts.
import { defineErrors } from './define.ts';

export const cliErrors = defineErrors({
  RIVET_CLI_FILE_MISSING: {
    message: '{path} does not exist',
    solve: 'Check the path; it is relative to the directory that you are in.',
    status: 400,
    exit: 2,
    fault: 'user',
  },
  RIVET_CLI_FILE_DENIED: {
    message: 'no permission to {action} {path}',
    solve: 'Look at its owner and mode with "ls -ld", and change them or run as another user.',
    status: 400,
    exit: 2,
    fault: 'user',
  },
  RIVET_CLI_DISK_FULL: {
    message: 'no space left on the disk while writing {path}',
    solve: 'Free some space (podman image prune frees unused images) and start it again.',
    status: 507,
    exit: 1,
    fault: 'operator',
  },
  RIVET_CLI_FILE_EXISTS: {
    message: '{files} exist already; nothing was written',
    solve: 'Pass --force to overwrite them, or name another directory.',
    status: 409,
    exit: 2,
    fault: 'user',
  },
  RIVET_CLI_CONFIG_INVALID: {
    message: 'configuration file {path}: {problem}',
    solve: 'Correct the file; docs/reference/cli.md lists its keys.',
    status: 400,
    exit: 2,
    fault: 'user',
  },
  RIVET_CLI_CONFIG_LOCKED: {
    message: 'configuration file {path}: the process {pid} has been changing it for a minute',
    solve: 'Look at that process with ps; end it when it hangs, and start this again.',
    status: 409,
    exit: 1,
    fault: 'user',
  },
  RIVET_CLI_CONTEXT_MISSING: {
    message: 'there is no context {context}{suggestion}',
    solve: 'List them with `rivet context list`; `rivet login URL` makes one.',
    status: 404,
    exit: 4,
    fault: 'user',
  },
  RIVET_CLI_CONTEXT_TAKEN: {
    message: 'the context {context} is of another server: {url}',
    solve: 'Give this one another name with --as, or remove that one with `rivet context rm`.',
    status: 409,
    exit: 2,
    fault: 'user',
  },
  RIVET_CLI_NOT_SIGNED_IN: {
    message: 'nobody is signed in to {url} here',
    solve: 'Sign in with `rivet login`. `rivet context list` shows where you are signed in.',
    status: 401,
    exit: 5,
    fault: 'user',
  },
  // Its value is never shown.
  RIVET_CLI_TOKEN_INVALID: {
    message: 'RIVET_TOKEN is {found}; expected an API key, rvt_ and 43 characters',
    solve: 'Make one with `rivet api-key create`, and set RIVET_TOKEN to what it prints.',
    status: 400,
    exit: 2,
    fault: 'user',
  },
  RIVET_CLI_TOKEN_ELSEWHERE: {
    message: 'RIVET_TOKEN is for {home}, and this would go to {url}: it was not sent',
    solve:
      'If it is for that server, set RIVET_URL to it. Otherwise sign in there with `rivet login`, or set both variables.',
    status: 400,
    exit: 5,
    fault: 'user',
  },
  RIVET_CLI_PLAINTEXT: {
    message: 'a token or password would go to {url} unencrypted, where others could read it',
    solve:
      'Use https, or a tunnel (ssh -L 7450:127.0.0.1:7450 HOST). In a network that you trust wholly, set RIVET_ALLOW_PLAINTEXT=yes.',
    status: 400,
    exit: 5,
    fault: 'user',
  },
  RIVET_CLI_SESSION_ENDED: {
    message: 'the session of {user} at {url} has ended',
    solve: 'Sign in again with `rivet login`.',
    status: 401,
    exit: 5,
    fault: 'user',
  },
  RIVET_CLI_SECRETS_FILE_INVALID: {
    message: 'file with secrets {path}: {problem}',
    solve: 'Correct the file: a JSON object with texts by name, readable by you alone.',
    status: 400,
    exit: 2,
    fault: 'user',
  },
  RIVET_CLI_INPUT_FILE_INVALID: {
    message: 'input file {path}: {problem}',
    solve: 'Write one JSON object that maps input names to values, such as {"branch": "main"}.',
    status: 400,
    exit: 2,
    fault: 'user',
  },
  RIVET_CLI_TREE_FAILED: {
    message: 'the files of {path} could not be listed: {reason}',
    solve: 'Mend the git repository, or choose --bind DIR or --empty instead of a copy.',
    status: 400,
    exit: 2,
    fault: 'user',
  },
  RIVET_CLI_STUBS_MISSING: {
    message: 'the type stubs that belong to this installation are not at {path}',
    solve: 'The installation is incomplete; install Rivet again.',
    status: 500,
    exit: 1,
    fault: 'operator',
  },
  RIVET_CLI_PROGRAM_ENDED: {
    message: 'the {program} ended {how}',
    solve: 'Its own messages above say why.',
    status: 500,
    exit: 1,
    fault: 'operator',
  },
});
