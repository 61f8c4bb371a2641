// Errors of the area "identity": tokens that prove to others which job they come from.
import { defineErrors } from './define.ts';

export const identityErrors = defineErrors({
  RIVET_ID_TOKEN_UNDECLARED: {
    message: 'the pipeline does not declare identity tokens for the audience "{audience}"{nearest}',
    solve:
      'Add it to `id_tokens = { … }` of the pipeline: its jobs can prove their identity only to those.',
    status: 403,
    exit: 1,
    fault: 'user',
  },
  RIVET_ID_TOKEN_UNAVAILABLE: {
    message: '{function}: no server runs this job, so nobody can vouch for it',
    solve:
      'Launch the pipeline on a server (`rivet pipeline launch`). For `rivet run`, take credentials of your own with `--secret`.',
    status: 422,
    exit: 1,
    fault: 'user',
  },
  RIVET_ID_TOKEN_SUBJECT: {
    message:
      'the subject of an identity token would have {found} characters; the limit is {limit}: {subject}',
    solve: 'Launch the job with a shorter `branch`, or shorten the name of the pipeline.',
    status: 422,
    exit: 1,
    fault: 'user',
  },
});
