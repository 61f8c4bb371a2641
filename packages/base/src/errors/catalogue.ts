// The one table of everything that can go wrong: code, message, what to do, HTTP status, exit code.
// It lies in base because the lowest packages raise coded errors; docs/errors.md is held equal to
// it.
import { accessErrors } from './access.ts';
import { auditErrors } from './audit.ts';
import { authErrors } from './auth.ts';
import { backupErrors } from './backup.ts';
import { cliErrors } from './cli.ts';
import { containerErrors } from './container.ts';
import type { ErrorEntry } from './define.ts';
import { fsErrors } from './fs.ts';
import { generalErrors } from './general.ts';
import { httpErrors } from './http.ts';
import { identityErrors } from './identity.ts';
import { jobErrors } from './job.ts';
import { luaErrors } from './lua.ts';
import { pipelineErrors } from './pipeline.ts';
import { pluginErrors } from './plugin.ts';
import { policyErrors } from './policy.ts';
import { runnerErrors } from './runner.ts';
import { secretErrors } from './secret.ts';
import { serverErrors } from './server.ts';
import { testErrors } from './test.ts';
import { webErrors } from './web.ts';

export const errorCatalogue = {
  ...generalErrors,
  ...luaErrors,
  ...pipelineErrors,
  ...containerErrors,
  ...fsErrors,
  ...httpErrors,
  ...jobErrors,
  ...policyErrors,
  ...runnerErrors,
  ...authErrors,
  ...accessErrors,
  ...auditErrors,
  ...secretErrors,
  ...identityErrors,
  ...serverErrors,
  ...backupErrors,
  ...cliErrors,
  ...pluginErrors,
  ...testErrors,
  ...webErrors,
};

export type ErrorCatalogue = typeof errorCatalogue;
export type ErrorCode = keyof ErrorCatalogue;

/** The row of a code that came over the wire; undefined for one this version does not know. */
export function findErrorEntry(code: string): ErrorEntry | undefined {
  return Object.hasOwn(errorCatalogue, code) ? errorCatalogue[code as ErrorCode] : undefined;
}
