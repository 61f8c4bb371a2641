// Routes of runners for people: who they are, the tokens they register with, the end of one.
import { RivetError, uuidv7 } from '@rivet/base';
import type { RegistrationToken, RegistrationTokenRequest } from '@rivet/protocol';
import {
  askForRotation,
  deleteRegistrationToken,
  forgetRegistrationTokens,
  insertRegistrationToken,
  listRegistrationTokens,
  listRunners,
  type RegistrationTokenRow,
  type RunnerRow,
  revokeRunner,
} from '@rivet/store';
import { makeToken } from '../../auth/token.ts';
import { presentRunner } from '../../present.ts';
import { findRunner } from '../../runners/find-runner.ts';
import { loseJobsOf } from '../../runners/revoke.ts';
import { checkTagKeys } from '../../runners/runner-tags.ts';
import type { Services } from '../../services.ts';
import type { Handlers } from '../handler.ts';

type Names =
  | 'listRunners'
  | 'getRunner'
  | 'revokeRunner'
  | 'rotateRunner'
  | 'createRegistrationToken'
  | 'listRegistrationTokens'
  | 'deleteRegistrationToken';

/** Of one answer: the routes have no pages yet that a caller asks for. */
const ITEMS_MAX = 1000;
const DEFAULT_SECONDS = 3600;

export function runnerRoutes(services: Services): Handlers<Names> {
  const { database, audit, knownRunners } = services;
  return {
    listRunners: async () => {
      const rows = await listRunners(database, { after: '', limit: ITEMS_MAX });
      return { items: rows.map(presentRunner), next_cursor: null };
    },
    getRunner: async ({ params }) => presentRunner(await findRunner(database, params.ref)),
    revokeRunner: async ({ params, query, principal }) => {
      const id = await database.transaction(
        async (tx) => {
          const runner = await findRunner(tx, params.ref);
          // One that a claim gives it meanwhile has not begun: it goes back into the queue.
          if (query.if_idle !== undefined && runner.running > 0) {
            const { name, running } = runner;
            throw RivetError.of('RIVET_RUNNER_BUSY', { name, running });
          }
          await revokeRunner(tx, runner.id);
          await audit.record(tx, principal, {
            action: 'runner.revoke',
            object: runnerObject(runner),
            details: { running: runner.running },
          });
          return runner.id;
        },
        { repeatable: true },
      );
      void knownRunners.change(id);
      await loseJobsOf(services, id);
    },
    rotateRunner: async ({ params, principal }) => {
      const runner = await database.transaction(
        async (tx) => {
          const found = await findRunner(tx, params.ref);
          await askForRotation(tx, found.id);
          const object = runnerObject(found);
          await audit.record(tx, principal, { action: 'runner.rotate', object });
          return found;
        },
        { repeatable: true },
      );
      void knownRunners.change(runner.id);
      return presentRunner(runner);
    },
    createRegistrationToken: async ({ body, person }) => {
      const { token, hash, shown } = makeToken('registration');
      const row = await database.transaction(
        async (tx) => {
          await forgetRegistrationTokens(tx);
          const made = await insertRegistrationToken(tx, {
            id: uuidv7(),
            tokenHash: hash,
            prefix: shown,
            createdBy: person().name,
            ...termsOf(body),
          });
          await audit.record(tx, person(), {
            action: 'runner.token_create',
            object: { kind: 'registration_token', id: made.id, name: made.description },
            details: {
              uses: made.uses_max,
              expires: made.expires_at.toISOString(),
              tags: made.tags.map(({ key, value }) => `${key}=${value}`),
              tag_keys: made.tag_keys,
              pipelines: made.pipelines,
            },
          });
          return made;
        },
        { repeatable: false },
      );
      return { ...presentToken(row), token: token.reveal() };
    },
    listRegistrationTokens: async () => {
      const rows = await listRegistrationTokens(database, ITEMS_MAX);
      return { items: rows.map(presentToken), next_cursor: null };
    },
    deleteRegistrationToken: async ({ params: { id }, principal }) => {
      await database.transaction(
        async (tx) => {
          if ((await deleteRegistrationToken(tx, id)) === undefined) {
            throw RivetError.of('RIVET_REGISTRATION_TOKEN_NOT_FOUND', { id });
          }
          const object = { kind: 'registration_token', id, name: '' };
          await audit.record(tx, principal, { action: 'runner.token_delete', object });
        },
        { repeatable: false },
      );
    },
  };
}

/** A runner as the audit log tells of it. */
export function runnerObject({ id, name }: RunnerRow): {
  kind: 'runner';
  id: string;
  name: string;
} {
  return { kind: 'runner', id, name };
}

function termsOf(body: RegistrationTokenRequest) {
  const { tags = [], tag_keys = ['os', 'arch'], pipelines = ['*'] } = body;
  checkTagKeys([...tags.map(({ key }) => key), ...tag_keys]);
  return {
    description: body.description ?? '',
    usesMax: body.uses_max ?? 1,
    expiresInSeconds: body.expires_in_seconds ?? DEFAULT_SECONDS,
    tags,
    tagKeys: [...new Set(tag_keys)].sort(),
    pipelines: [...new Set(pipelines)].sort(),
  };
}

function presentToken(row: RegistrationTokenRow): RegistrationToken {
  return {
    ...row,
    created_at: row.created_at.toISOString(),
    expires_at: row.expires_at.toISOString(),
  };
}
