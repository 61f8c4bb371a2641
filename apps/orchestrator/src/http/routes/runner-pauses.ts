// Routes by which people keep jobs from a runner for a while, and let it have them again.

import type { Runner } from '@rivet/protocol';
import { pauseRunner, type Queryable, type RunnerRow, resumeRunner } from '@rivet/store';
import type { AuditEvent } from '../../audit/audit-log.ts';
import type { Principal } from '../../auth/principal.ts';
import { presentRunner } from '../../present.ts';
import { findRunner } from '../../runners/find-runner.ts';
import type { Services } from '../../services.ts';
import type { Handlers } from '../handler.ts';
import { runnerObject } from './runners.ts';

type Names = 'pauseRunner' | 'drainRunner' | 'resumeRunner';
type Told = Omit<AuditEvent, 'object'>;

export function runnerPauseRoutes(services: Services): Handlers<Names> {
  return {
    pauseRunner: ({ params, body, principal, person }) => {
      const { for_seconds: seconds, note } = body;
      const told = { action: 'runner.pause', details: { seconds, note } } as const;
      return change(services, params.ref, principal, told, (tx, { id }) =>
        pauseRunner(tx, { id, by: person().name, note, seconds, drain: false }),
      );
    },
    drainRunner: ({ params, body: { note }, principal, person }) => {
      const told = { action: 'runner.drain', details: { note } } as const;
      return change(services, params.ref, principal, told, (tx, { id }) =>
        pauseRunner(tx, { id, by: person().name, note, drain: true }),
      );
    },
    resumeRunner: ({ params, principal }) =>
      change(services, params.ref, principal, { action: 'runner.resume' }, (tx, { id }) =>
        resumeRunner(tx, id),
      ),
  };
}

/** Changes a runner, and tells the audit log and all orchestrators. */
async function change(
  { database, audit, knownRunners }: Services,
  ref: string,
  principal: Principal,
  told: Told,
  apply: (tx: Queryable, runner: RunnerRow) => Promise<void>,
): Promise<Runner> {
  const runner = await database.transaction(
    async (tx) => {
      const found = await findRunner(tx, ref);
      await apply(tx, found);
      await audit.record(tx, principal, { ...told, object: runnerObject(found) });
      // By its id: the name may be another's by now.
      return findRunner(tx, found.id);
    },
    { repeatable: true },
  );
  void knownRunners.change(runner.id);
  return presentRunner(runner);
}
