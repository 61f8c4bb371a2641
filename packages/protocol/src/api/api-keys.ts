// The resource "API keys": what programs sign in with, each in the name of a user.
import { type Static, Type } from 'typebox';
import { AccessPermissionSchema, NamePattern } from './access.ts';
import { NullableTimestamp, Page, PageQuery, Timestamp } from './page.ts';

/** The longest life of an API key, in seconds: 366 days. */
export const API_KEY_SECONDS_MAX = 366 * 24 * 3600;

export const ApiKeyRef = Type.Object({
  /** Id, or a unique prefix of it. */
  id: Type.String({ minLength: 4, maxLength: 36, pattern: '^[0-9a-fA-F-]+$' }),
});

export const CreateApiKeyRequest = Type.Object({
  /** What it is for, for people. */
  name: Type.String({ minLength: 1, maxLength: 100, pattern: '^[^\\p{Cc}]*\\S[^\\p{Cc}]*$' }),
  /** Whose; the caller's own when absent. Another's takes `users.manage`. */
  user: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
  /** What it may of what its owner may; all of that when absent. */
  permissions: Type.Optional(Type.Array(AccessPermissionSchema, { minItems: 1, maxItems: 50 })),
  /**
   * Patterns of the names of the pipelines that it is for; all of its owner's when absent. With
   * patterns and without `permissions` it has rights on pipelines only.
   */
  pipelines: Type.Optional(Type.Array(NamePattern, { minItems: 1, maxItems: 50 })),
  /** How long it is valid; 90 days when absent. */
  expires_in_seconds: Type.Optional(Type.Integer({ minimum: 60, maximum: API_KEY_SECONDS_MAX })),
});
export type CreateApiKeyRequest = Static<typeof CreateApiKeyRequest>;

const apiKey = {
  id: Type.String(),
  name: Type.String(),
  user: Type.String(),
  /** The first characters of the key. */
  prefix: Type.String(),
  /** Null: all that its owner may. */
  permissions: Type.Union([Type.Array(AccessPermissionSchema), Type.Null()]),
  /** Null: all of its owner's. */
  pipelines: Type.Union([Type.Array(Type.String()), Type.Null()]),
  /** Whether its time has passed. */
  expired: Type.Boolean(),
  created_at: Timestamp,
  expires_at: NullableTimestamp,
  /** To the minute. */
  last_used_at: NullableTimestamp,
};

export const ApiKey = Type.Object(apiKey);
export type ApiKey = Static<typeof ApiKey>;

/** With the key itself, which is not kept: nobody is shown it again. */
export const NewApiKey = Type.Object({ ...apiKey, token: Type.String() });
export type NewApiKey = Static<typeof NewApiKey>;

export const ApiKeyListQuery = Type.Object({
  ...PageQuery.properties,
  /** Those of another user (takes `users.manage`); `*` for everybody's. */
  user: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
});
export type ApiKeyListQuery = Static<typeof ApiKeyListQuery>;
export const ApiKeyList = Page(ApiKey);
export type ApiKeyList = Static<typeof ApiKeyList>;
