// Routes of the resource "secrets", and of the master key that seals them.
import { RivetError } from '@rivet/base';
import { launchEvents, type Secret } from '@rivet/protocol';
import {
  countSealedByKey,
  deleteSecret,
  deleteSecretGrant,
  listSecretGrants,
  listSecrets,
  listSecretVersions,
  putSecretGrant,
  type Queryable,
  type SecretRow,
} from '@rivet/store';
import type { Person } from '../../auth/principal.ts';
import { findPipeline } from '../../find.ts';
import { countOtherSealed, rewrapSome } from '../../sealing/rewrap.ts';
import {
  findSecretFor,
  lockSecretFor,
  requireGrant,
  requireWrite,
  type SecretKey,
  visibleSecrets,
} from '../../secrets/find-secret.ts';
import { giveJobSecrets } from '../../secrets/job-secrets.ts';
import {
  presentSecret,
  presentSecrets,
  presentSecretVersion,
} from '../../secrets/present-secret.ts';
import { putSecret, readContent, rollbackSecret } from '../../secrets/put-secret.ts';
import { fullSecretName } from '../../secrets/secret-name.ts';
import type { Services } from '../../services.ts';
import { decodeCursor, encodeCursor, toPage } from '../cursor.ts';
import type { Handlers } from '../handler.ts';

type Names =
  | 'listSecrets'
  | 'getSecret'
  | 'putSecret'
  | 'deleteSecret'
  | 'listSecretVersions'
  | 'rollbackSecret'
  | 'grantSecret'
  | 'revokeSecret'
  | 'getMasterKey'
  | 'rewrapKeys'
  | 'fetchJobSecrets';

const LIMIT_DEFAULT = 50;
const GRANTS_MAX = 100;
/** A scope and a name, neither of which has a NUL; the first may be empty. */
const POSITION = /^[^\0]{0,200}\/[A-Za-z0-9_]{1,200}$/;

export function secretRoutes(services: Services): Handlers<Names> {
  const { database, sealer, audit, secretSources } = services;
  /** Changes a secret in one transaction, and gives what it is then. */
  const change = (work: (tx: Queryable) => Promise<SecretRow>): Promise<Secret> =>
    database.transaction(async (tx) => presentSecret(tx, await work(tx)), { repeatable: false });
  return {
    listSecrets: async ({ query, ...call }) => {
      const limit = query.limit ?? LIMIT_DEFAULT;
      const rows = await listSecrets(database, {
        after: positionOf(query.cursor),
        scope: query.pipeline,
        search: query.search ?? '',
        filters: visibleSecrets(call.person()),
        limit: limit + 1,
      });
      const page = toPage(rows, limit, (row) => row, cursorOf);
      return { ...page, items: await presentSecrets(database, page.items) };
    },
    getSecret: async (call) => presentSecret(database, await findSecretFor(...found(call))),
    listSecretVersions: async (call) => {
      const row = await findSecretFor(...found(call));
      const versions = await listSecretVersions(database, row.id);
      const items = versions.map((version) => presentSecretVersion(version, row.version));
      return { items, next_cursor: null };
    },
    putSecret: async (call) => {
      const person = call.person();
      const key = await writableKey(database, person, keyOf(call));
      const content = readContent(person, key, call.body, secretSources);
      return change(async (tx) => {
        const { row, made } = await putSecret(tx, sealer, person, key, content);
        const { provider, reference, version } = row;
        const details = { provider, reference, version, made };
        await audit.record(tx, call.principal, {
          action: 'secret.set',
          object: objectOf(row),
          details,
        });
        return row;
      });
    },
    deleteSecret: async (call) => {
      const person = call.person();
      await database.transaction(
        async (tx) => {
          const row = await lockSecretFor(tx, person, keyOf(call));
          requireWrite(person, row);
          await deleteSecret(tx, row.id);
          await audit.record(tx, call.principal, {
            action: 'secret.delete',
            object: objectOf(row),
          });
        },
        { repeatable: false },
      );
      return undefined;
    },
    rollbackSecret: (call) =>
      change(async (tx) => {
        const { version: from } = call.body;
        const row = await rollbackSecret(tx, sealer, call.person(), keyOf(call), from);
        const details = { from, version: row.version };
        await audit.record(tx, call.principal, {
          action: 'secret.rollback',
          object: objectOf(row),
          details,
        });
        return row;
      }),
    grantSecret: (call) =>
      change(async (tx) => {
        const person = call.person();
        const row = await lockSecretFor(tx, person, keyOf(call));
        const { pipelines, events: asked = launchEvents } = call.body;
        const events = launchEvents.filter((event) => asked.includes(event));
        requireGrant(person, row, pipelines);
        requireOwnPipeline(row, pipelines);
        await requireRoom(tx, row, pipelines);
        await putSecretGrant(tx, { secretId: row.id, pipelines, events, by: person.name });
        const details = { pipelines, events };
        await audit.record(tx, call.principal, {
          action: 'secret.grant',
          object: objectOf(row),
          details,
        });
        return row;
      }),
    revokeSecret: (call) =>
      change(async (tx) => {
        const person = call.person();
        const row = await lockSecretFor(tx, person, keyOf(call));
        const { pipelines } = call.query;
        requireGrant(person, row, pipelines);
        await revoke(tx, row, pipelines);
        const details = { pipelines };
        await audit.record(tx, call.principal, {
          action: 'secret.revoke',
          object: objectOf(row),
          details,
        });
        return row;
      }),
    getMasterKey: async () => ({
      key_id: sealer.keyId,
      other_key_id: sealer.otherKeyId ?? null,
      sealed: await countSealedByKey(database),
    }),
    rewrapKeys: async (call) => {
      const key_id = sealer.keyId;
      const values = await countOtherSealed(database, key_id);
      if (values > 0) {
        // Before it is done, in many transactions: what is done is in the log, however it ends.
        const object = { kind: 'master_key', id: key_id, name: key_id };
        const event = { action: 'secret.rotate', object, details: { values } } as const;
        await database.transaction((tx) => audit.record(tx, call.principal, event), {
          repeatable: false,
        });
      }
      const { rewrapped, left } = await rewrapSome(services);
      return { key_id, rewrapped, left };
    },
    fetchJobSecrets: async ({ params, body, principal, reply }) => {
      if (principal.kind !== 'runner') throw RivetError.of('RIVET_AUTH_INVALID', {});
      // Nothing between here and the runner may keep it.
      reply.header('cache-control', 'no-store');
      return giveJobSecrets(services, principal, params.id, body);
    },
  };

  function found(call: SecretCall): [Queryable, Person, SecretKey] {
    return [database, call.person(), keyOf(call)];
  }
}

interface SecretCall {
  readonly params: { readonly name: string };
  readonly query: { readonly pipeline?: string };
  person(): Person;
}

function keyOf({ params, query }: Pick<SecretCall, 'params' | 'query'>): SecretKey {
  return { scope: query.pipeline ?? '', name: params.name };
}

/** Of a pipeline's own: the name that its reference means, which must be there. */
async function writableKey(db: Queryable, person: Person, key: SecretKey): Promise<SecretKey> {
  requireWrite(person, key);
  if (key.scope === '') return key;
  const { name: scope } = await findPipeline(db, person, key.scope, 'pipelines.edit');
  return { ...key, scope };
}

/** A pipeline's own secret is for no other one. */
function requireOwnPipeline({ scope, name }: SecretRow, pipelines: string): void {
  if (scope === '' || pipelines === scope) return;
  const found = JSON.stringify(pipelines);
  const summary = `body.pipelines is ${found}; ${name} is of the pipeline ${scope}, expected that`;
  throw RivetError.of('RIVET_REQUEST_INVALID', { summary });
}

/** Lists show all grants of each secret: there are so many at most. */
async function requireRoom(tx: Queryable, row: SecretRow, pipelines: string): Promise<void> {
  const grants = await listSecretGrants(tx, [row.id]);
  const known = grants.some((grant) => grant.pipelines === pipelines);
  if (known || grants.length < GRANTS_MAX) return;
  const summary = `${row.name} has ${GRANTS_MAX} grants, the most that one has; use patterns`;
  throw RivetError.of('RIVET_REQUEST_INVALID', { summary });
}

async function revoke(tx: Queryable, row: SecretRow, pipelines: string): Promise<void> {
  if (await deleteSecretGrant(tx, row.id, pipelines)) return;
  const grants = await listSecretGrants(tx, [row.id]);
  throw RivetError.of('RIVET_SECRET_GRANT_NOT_FOUND', {
    secret: fullSecretName(row),
    pipelines: JSON.stringify(pipelines),
    grants: grants.map((grant) => grant.pipelines).join(', ') || 'none',
  });
}

function objectOf(row: SecretRow): { kind: string; id: string; name: string } {
  return { kind: 'secret', id: row.id, name: fullSecretName(row) };
}

function cursorOf({ scope, name }: SecretRow): string {
  return encodeCursor('secrets', `${scope}/${name}`);
}

function positionOf(cursor: string | undefined): [scope: string, name: string] {
  if (cursor === undefined) return ['', ''];
  const position = decodeCursor('secrets', cursor, POSITION);
  const at = position.lastIndexOf('/');
  return [position.slice(0, at), position.slice(at + 1)];
}
