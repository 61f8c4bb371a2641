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
    message: 'the secret "{secret}" has no value here{why}',
    solve:
      'Give it one: `rivet secret set NAME` and `rivet secret grant NAME PIPELINE` on a server; `rivet run --secret NAME` takes it from the environment variable of that name. Ask `secret.has` when it may be missing.',
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
  RIVET_SECRET_NOT_FOUND: {
    message: 'there is no secret {secret}{suggestion}',
    solve:
      'List those that you may see with `rivet secret list`; one of a single pipeline needs --pipeline.',
    status: 404,
    exit: 4,
    fault: 'user',
  },
  RIVET_SECRET_VERSION_NOT_FOUND: {
    message: 'the secret {secret} has no version {version}; kept are {kept}',
    solve: 'Choose one of these; `rivet secret versions` lists them.',
    status: 404,
    exit: 4,
    fault: 'user',
  },
  RIVET_SECRET_GRANT_NOT_FOUND: {
    message: 'the secret {secret} is not granted to {pipelines}; its grants are {grants}',
    solve: 'Name a pattern exactly as it was granted; `rivet secret show` lists them.',
    status: 404,
    exit: 4,
    fault: 'user',
  },
  RIVET_SECRET_PROVIDER_OFF: {
    message: 'the secrets provider {provider} is not set up on this server: {setting} is not set',
    solve: 'Set it on every orchestrator, or keep the value in Rivet: `rivet secret set NAME`.',
    status: 409,
    exit: 1,
    fault: 'operator',
  },
  RIVET_SECRET_REFERENCE_INVALID: {
    message: '{reference} is no reference of the secrets provider {provider}; expected {expected}',
    solve: 'Write it as expected; docs/operating/secrets.md has an example for each provider.',
    status: 400,
    exit: 2,
    fault: 'user',
  },
  RIVET_SECRET_PROVIDER_FAILED: {
    message: 'the secrets provider {provider} did not give {reference}: {reason}',
    solve:
      'Mend what the reason names; docs/operating/secrets.md says what the provider needs. Nothing is kept from an earlier answer.',
    status: 502,
    exit: 1,
    fault: 'operator',
  },
  RIVET_SECRET_SEAL_BROKEN: {
    message: 'the sealed {what} cannot be opened: {reason}',
    solve:
      'The row in the database is not as Rivet wrote it. Restore it from a backup, or set the value anew.',
    status: 500,
    exit: 1,
    fault: 'operator',
  },
  RIVET_MASTER_KEY_MISSING: {
    message:
      'there is no master key; expected one of RIVET_MASTER_KEY, RIVET_MASTER_KEY_FILE, RIVET_MASTER_KEY_COMMAND',
    solve:
      'Make one with `openssl rand -base64 32`, keep it outside of the database and of its backups, and set one of the three.',
    status: 500,
    exit: 2,
    fault: 'operator',
  },
  RIVET_MASTER_KEY_INVALID: {
    message: '{source} gives {found}; expected base64 of 32 random bytes',
    solve: 'Make a key with `openssl rand -base64 32`.',
    status: 500,
    exit: 2,
    fault: 'operator',
  },
  RIVET_MASTER_KEY_FILE: {
    message: 'the file {path} of {setting} cannot be used: {reason}',
    solve:
      'Give it to the user of the orchestrator alone: `chmod 600`, or 640 with a group of its own.',
    status: 500,
    exit: 2,
    fault: 'operator',
  },
  RIVET_MASTER_KEY_COMMAND: {
    message: 'the command of {setting} gave no key: {reason}',
    solve:
      'It is started without a shell and must print the key in base64 within 30 seconds. Try it as the user of the orchestrator.',
    status: 500,
    exit: 2,
    fault: 'operator',
  },
  RIVET_MASTER_KEY_WRONG: {
    message: 'the master key {known} is not the one of this database, which is {found}',
    solve:
      'Set RIVET_MASTER_KEY (or _FILE, _COMMAND) to the key that this database was made with. To replace that one, set it as RIVET_MASTER_KEY_PREVIOUS.',
    status: 500,
    exit: 2,
    fault: 'operator',
  },
  RIVET_MASTER_KEY_UNKNOWN: {
    message: 'a value is sealed with the master key {found}; this orchestrator has {known}',
    solve:
      'While keys are replaced, every orchestrator needs both: RIVET_MASTER_KEY and RIVET_MASTER_KEY_PREVIOUS.',
    status: 503,
    exit: 1,
    fault: 'operator',
  },
});
