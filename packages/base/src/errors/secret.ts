// Errors of the area "secret": values that a pipeline may use and nobody may see.
import { defineErrors } from './define.ts';

const author = { status: 422, exit: 1, fault: 'user' } as const;

export const secretErrors = defineErrors({
  RIVET_SECRET_UNDECLARED: {
    message: '{function}: the pipeline does not declare the secret "{secret}"{nearest}',
    solve:
      'Add it to `secrets = { … }` of the pipeline: only what stands there may be read. A plugin declares its own.',
    status: 403,
    exit: 1,
    fault: 'user',
  },
  RIVET_SECRET_MISSING: {
    message: 'the secret "{secret}" has no value here',
    solve:
      'Give it one: `rivet run --secret NAME` takes it from the environment variable of that name. Ask `secret.has` when it may be missing.',
    ...author,
  },
  RIVET_SECRET_TOO_SHORT: {
    message:
      '{what} has {found} bytes that can be seen; a value needs at least {limit} to be kept out of the log',
    solve:
      'Use a longer value: hiding such a short one would hide every other text that happens to have these bytes.',
    ...author,
  },
  RIVET_SECRET_TOO_LARGE: {
    message: '{what} {found}; the limit is {limit}',
    solve: 'Keep big files elsewhere and encrypt them; the key that opens them is the secret.',
    ...author,
  },
  RIVET_SECRET_FILE: {
    message: 'secret.file could not write {path} in the container: {reason}',
    solve:
      'Name a path in an existing directory that the user of the container may write to; without a path it is /dev/shm.',
    ...author,
  },
});
