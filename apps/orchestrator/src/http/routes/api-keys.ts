// Routes of the resource "API keys".
import type { ApiKey } from '@rivet/protocol';
import { type ApiKeyRow, listApiKeys } from '@rivet/store';
import type { AccessServices } from '../../access/teams.ts';
import { createApiKey, endApiKey, listedKeys } from '../../auth/api-keys.ts';
import { decodeCursor, encodeCursor, ID_AFTER_ALL, ID_PATTERN, toPage } from '../cursor.ts';
import type { Handlers } from '../handler.ts';

type Names = 'createApiKey' | 'listApiKeys' | 'revokeApiKey';

const LIMIT_DEFAULT = 50;

export function apiKeyRoutes(services: AccessServices): Handlers<Names> {
  const { database } = services;
  return {
    createApiKey: async ({ body, person }) => {
      const { row, token } = await createApiKey(services, person(), body);
      return { ...presentApiKey(row), token };
    },
    listApiKeys: async ({ query, person }) => {
      const limit = query.limit ?? LIMIT_DEFAULT;
      const { cursor, user } = query;
      const before =
        cursor === undefined ? ID_AFTER_ALL : decodeCursor('api-keys', cursor, ID_PATTERN);
      const scope = await listedKeys(database, person(), user);
      const rows = await listApiKeys(database, { ...scope, before, limit: limit + 1 });
      return toPage(rows, limit, presentApiKey, ({ id }) => encodeCursor('api-keys', id));
    },
    revokeApiKey: async ({ params, person }) => {
      await endApiKey(services, person(), params.id);
      return undefined;
    },
  };
}

function presentApiKey(row: ApiKeyRow): ApiKey {
  return {
    id: row.id,
    name: row.name,
    user: row.user_name,
    prefix: row.prefix,
    permissions: row.permissions,
    pipelines: row.pipelines,
    expired: row.expired,
    created_at: row.created_at.toISOString(),
    expires_at: row.expires_at?.toISOString() ?? null,
    last_used_at: row.last_used_at?.toISOString() ?? null,
  };
}
