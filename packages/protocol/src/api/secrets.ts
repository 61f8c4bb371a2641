// The resource "secrets": everything about them but their values, and what a runner is given.
import { type Static, Type } from 'typebox';
import { count } from '../bounds.ts';
import { LaunchEvent } from '../launch-event.ts';
import { NullableTimestamp, Page, PageQuery, Timestamp } from './page.ts';

/** As variables are named. */
const SecretName = Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]{0,199}$' });
/** Names of pipelines; `*` stands for any text. */
const PipelinePattern = Type.String({ minLength: 1, maxLength: 200 });

/** Where values come from. */
export const secretProviders = ['database', 'environment', 'file', 'vault'] as const;
export type SecretProviderName = (typeof secretProviders)[number];

export const SecretRef = Type.Object({ name: SecretName });

/** Of which pipeline it is; absent: the installation's. */
export const SecretScopeQuery = Type.Object({
  pipeline: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
});

export const SecretListQuery = Type.Object({
  ...PageQuery.properties,
  /** Only those of this pipeline; absent: all. */
  pipeline: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
  /** Text that the name contains; taken literally. */
  search: Type.Optional(Type.String({ maxLength: 200 })),
});

export const SecretGrant = Type.Object({
  pipelines: Type.String(),
  events: Type.Array(LaunchEvent),
  created_by: Type.String(),
  created_at: Timestamp,
});
export type SecretGrant = Static<typeof SecretGrant>;

export const Secret = Type.Object({
  name: Type.String(),
  /** The pipeline that it is of; null: the installation's. */
  pipeline: Type.Union([Type.String(), Type.Null()]),
  provider: Type.Enum(secretProviders),
  /** What its provider knows it by; null for a value in Rivet's database. */
  reference: Type.Union([Type.String(), Type.Null()]),
  /** Null where its provider has the value. */
  version: Type.Union([Type.Integer(), Type.Null()]),
  created_by: Type.String(),
  created_at: Timestamp,
  updated_by: Type.String(),
  updated_at: Timestamp,
  /** When a job was last given the value; at most an hour behind. */
  used_at: NullableTimestamp,
  grants: Type.Array(SecretGrant),
});
export type Secret = Static<typeof Secret>;
export const SecretList = Page(Secret);
export type SecretList = Static<typeof SecretList>;

/** Either a value, or a provider with its reference. */
export const PutSecretRequest = Type.Object({
  /** Never shown again. */
  value: Type.Optional(Type.String({ maxLength: 64 * 1024, writeOnly: true })),
  provider: Type.Optional(Type.Enum(secretProviders)),
  reference: Type.Optional(Type.String({ minLength: 1, maxLength: 500 })),
});
export type PutSecretRequest = Static<typeof PutSecretRequest>;

export const SecretVersion = Type.Object({
  version: Type.Integer(),
  current: Type.Boolean(),
  /** The version whose value it has again. */
  restored_from: Type.Union([Type.Integer(), Type.Null()]),
  created_by: Type.String(),
  created_at: Timestamp,
});
export type SecretVersion = Static<typeof SecretVersion>;
export const SecretVersionList = Page(SecretVersion);

export const SecretRollbackRequest = Type.Object({ version: count(1) });

export const SecretGrantRequest = Type.Object({
  pipelines: PipelinePattern,
  /** All of them when absent. */
  events: Type.Optional(Type.Array(LaunchEvent, { minItems: 1, maxItems: 10 })),
});
export type SecretGrantRequest = Static<typeof SecretGrantRequest>;

export const SecretRevokeQuery = Type.Object({
  ...SecretScopeQuery.properties,
  pipelines: PipelinePattern,
});

/** Which master keys hold the sealed values of the installation. */
export const MasterKeyStatus = Type.Object({
  /** Of the key that seals. */
  key_id: Type.String(),
  /** Of the other key that this orchestrator can open with. */
  other_key_id: Type.Union([Type.String(), Type.Null()]),
  sealed: Type.Array(Type.Object({ key_id: Type.String(), count: Type.Integer() })),
});
export type MasterKeyStatus = Static<typeof MasterKeyStatus>;

export const RewrapResponse = Type.Object({
  key_id: Type.String(),
  /** Keys of values that are now wrapped by this master key and were not before. */
  rewrapped: Type.Integer(),
  /** Those that another master key still holds: call again until there are none. */
  left: Type.Integer(),
});
export type RewrapResponse = Static<typeof RewrapResponse>;

/** What a runner asks with for the secrets of a job that it holds the lease of. */
export const JobSecretsRequest = Type.Object({
  attempt: count(1),
  lease_id: Type.String({ maxLength: 100 }),
  names: Type.Array(Type.String({ maxLength: 200 }), { minItems: 1, maxItems: 200 }),
});
export type JobSecretsRequest = Static<typeof JobSecretsRequest>;

export const JobSecretsResponse = Type.Object({
  secrets: Type.Array(Type.Object({ name: Type.String(), value: Type.String() })),
  /** The others, with the reason as it follows "the secret … has no value here". */
  absent: Type.Array(Type.Object({ name: Type.String(), reason: Type.String() })),
});
export type JobSecretsResponse = Static<typeof JobSecretsResponse>;
