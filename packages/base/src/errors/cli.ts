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
