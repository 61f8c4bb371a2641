// Finds the runner that a reference in a path means: its name, its id or the beginning of it.
import { RivetError } from '@rivet/base';
import { findRunners, type Queryable, type RunnerRow } from '@rivet/store';

/** @throws RIVET_RUNNER_NOT_FOUND, RIVET_ID_AMBIGUOUS */
export async function findRunner(db: Queryable, ref: string): Promise<RunnerRow> {
  const found = await findRunners(db, ref);
  const [only] = found;
  if (only === undefined) throw RivetError.of('RIVET_RUNNER_NOT_FOUND', { ref });
  if (found.length === 1) return only;
  throw RivetError.of('RIVET_ID_AMBIGUOUS', {
    prefix: ref,
    count: found.length > 3 ? 'more than 3' : String(found.length),
    examples: found
      .slice(0, 3)
      .map(({ id }) => id)
      .join(', '),
  });
}
