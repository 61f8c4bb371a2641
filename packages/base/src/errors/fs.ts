// Errors of the areas "fs" and "yaml": files of the workspace, and one of their formats.
import { defineErrors } from './define.ts';

const author = { status: 422, exit: 1, fault: 'user' } as const;
const refused = { status: 403, exit: 1, fault: 'user' } as const;

export const fsErrors = defineErrors({
  RIVET_FS_NOT_FOUND: {
    message: '{function}: {path} does not exist in /workspace{nearest}',
    solve:
      'Check the path, which is relative to /workspace, and that an earlier command made it. `parents = true` makes missing directories of something that is written.',
    ...author,
  },
  RIVET_FS_OUTSIDE: {
    message: '{function}: {path} leaves /workspace{through}',
    solve:
      'Files outside of /workspace belong to the container or the machine: read them with a command, and give paths relative to /workspace.',
    ...refused,
  },
  RIVET_FS_PATH: {
    message: '{function}: {path} cannot be used: {reason}',
    solve: 'Give another path, relative to /workspace.',
    ...author,
  },
  RIVET_FS_LINKS: {
    message: '{function}: {path} leads through more than {limit} links',
    solve: 'Links that lead to each other never end: remove one of them.',
    ...author,
  },
  RIVET_FS_TYPE: {
    message: '{function}: {path} is {found}; expected {expected}',
    solve: 'Give another path, or look with fs.stat what it is before.',
    ...author,
  },
  RIVET_FS_EXISTS: {
    message: '{function}: {path} is there already',
    solve: 'Leave `overwrite = false` away to replace it, or choose another name.',
    ...author,
  },
  RIVET_FS_NOT_EMPTY: {
    message: '{function}: the directory {path} is not empty',
    solve:
      'Pass `recursive = true` to fs.remove to remove it with all that is in it; wait for commands that still write into it.',
    ...author,
  },
  RIVET_FS_INTO_ITSELF: {
    message: '{function}: the target {path} is the source itself, or in it',
    solve: 'Choose a target outside of the source.',
    ...author,
  },
  RIVET_FS_ROOT: {
    message: '{function}: /workspace itself can be neither moved, replaced nor removed',
    solve: 'Name what is in it: fs.list() tells.',
    ...author,
  },
  RIVET_FS_ACCESS: {
    message: '{function}: Rivet has no permission for {path}{owner}',
    solve:
      'Files that a container made may belong to a user that exists only in containers: work on it with a command, such as process.run({ "chmod", "-R", "a+rwX", "…" }).',
    ...author,
  },
  RIVET_FS_BUSY: {
    message: '{function}: {path} is held by another program at the moment',
    solve: 'Wait for the command that uses it, or stop it.',
    ...author,
  },
  RIVET_FS_CHANGED: {
    message: '{function}: {path} was replaced by something else while it was used',
    solve: 'Wait until the commands that work in this directory have ended.',
    ...author,
  },
  RIVET_FS_READONLY: {
    message: '{function}: the stage "{stage}" is readonly',
    solve: 'Write in another stage, or take `readonly` away.',
    ...refused,
  },
  RIVET_FS_TOO_LARGE: {
    message: '{function}: {path} has {found}; at most {limit} can be read at once',
    solve:
      'Read it in parts with `offset` and `length`, or let a command work on it. `max` sets a lower limit.',
    ...author,
  },
  RIVET_FS_TOO_MANY: {
    message: '{function}: {path} has too many {limit}',
    solve: 'Look at a smaller part of it, or let a command such as `find` do the work.',
    ...author,
  },
  RIVET_FS_FILE_MAX: {
    message: '{function}: {path} would have {found}; fs.file_max of the policy is {limit}',
    solve: 'Write less, or raise `file_max` where it is set: installation, pipeline or stage.',
    ...refused,
  },
  RIVET_FS_WORKSPACE_MAX: {
    message: 'the workspace would take {found}; fs.workspace_max of the policy is {limit}',
    solve:
      'Remove what is not needed any more, or raise `workspace_max` where it is set: installation, pipeline or stage.',
    ...refused,
  },
  RIVET_FS_DISK_FULL: {
    message: '{function}: there is no room left on the disk for {path}',
    solve: 'Make room on the disk of the workspaces of the runner.',
    status: 507,
    exit: 1,
    fault: 'operator',
  },
  RIVET_FS_GLOB: {
    message: '{function}: the pattern {pattern} is not valid: {reason}',
    solve:
      'Patterns know *, ?, **, [a-z], [!a-z], {a,b} and \\ before a character that stands for itself.',
    ...author,
  },
  RIVET_FS_NO_MATCH: {
    message: '{function}: nothing matches {patterns}{where}',
    solve:
      'Check the pattern and that an earlier command made the files. Without `required = true` the list may be empty.',
    ...author,
  },
  RIVET_FS_FAILED: {
    message: '{function}: {path}: {reason}',
    solve: 'Look at the disk of the workspaces of the runner, and into the log of its system.',
    status: 500,
    exit: 1,
    fault: 'operator',
  },
  RIVET_YAML_DECODE: {
    message: '{function}: {reason} at line {line}, column {column}',
    solve: 'Check that the text is YAML 1.2 and complete.',
    ...author,
  },
  RIVET_YAML_LIMIT: {
    message: '{function}: the text {found}; the limit is {limit}',
    solve: 'Let a command such as `yq` work on it, or split it.',
    ...author,
  },
  RIVET_YAML_ENCODE: {
    message: 'yaml.encode: {path} is {found}, which YAML cannot express',
    solve: 'Encode strings of UTF-8, numbers, booleans, json.null, lists and tables of them.',
    ...author,
  },
});
