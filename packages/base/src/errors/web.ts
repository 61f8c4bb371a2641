// Errors of the area "web": what browsers may not do in somebody's name.
import { defineErrors } from './define.ts';

export const webErrors = defineErrors({
  RIVET_WEB_CROSS_SITE: {
    message:
      'this request with the cookie of a signed-in browser does not come from a page of Rivet: {found}',
    solve:
      'Do it on a page of Rivet. Programs send an API key in the Authorization header instead of a cookie.',
    status: 403,
    exit: 5,
    fault: 'user',
  },
  RIVET_WEB_STREAMS: {
    message: '{who} follows {limit} jobs at the same time already, which is the most',
    solve:
      'Stop following some of them. RIVET_STREAMS_PER_USER of the orchestrator sets the limit.',
    status: 429,
    exit: 3,
    fault: 'user',
  },
});
