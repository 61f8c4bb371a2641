// Errors of the area "access": what somebody who is signed in may not do.
import { defineErrors } from './define.ts';

export const accessErrors = defineErrors({
  RIVET_ACCESS_DENIED: {
    message: '{who} may not do this: it needs {permission}{object}',
    solve:
      'Ask an administrator for a grant (`rivet grant add`), or use an account or API key that has the right.',
    status: 403,
    exit: 5,
    fault: 'user',
  },
});
