// The resources "teams", "grants" and "roles": who may do what.
import { type Static, Type } from 'typebox';
import {
  administrationPermissions,
  pipelinePermissions,
  secretPermissions,
} from '../routes/route.ts';
import { roles } from '../states.ts';
import { Page, PageQuery, Timestamp } from './page.ts';

/** What grants are for. */
export const objectKinds = ['pipeline', 'secret'] as const;
export type ObjectKind = (typeof objectKinds)[number];

/** Every permission with what it allows, for people; the order is that of tables. */
export const permissionMeanings = {
  'pipelines.view': 'see pipelines, their files, jobs and logs',
  'pipelines.launch': 'launch jobs, and launch finished ones again',
  'pipelines.cancel': 'cancel jobs',
  'pipelines.edit':
    'create, change, roll back and delete pipelines; use of their secrets goes with it',
  'pipelines.approve': 'approve jobs that wait for it (no job waits for an approval yet)',
  'secrets.use': 'let pipelines have secrets',
  'secrets.write': 'set and delete secrets; nobody reads them back',
  'users.manage': "manage users, and everybody's sessions and API keys",
  'grants.manage': 'manage teams and grants',
  'runners.view': 'see runners',
  'runners.manage': 'let runners register, and revoke them',
  'secrets.manage': 'see which master key holds sealed values, and move them to a new one',
  'keys.manage': 'rotate the keys that tokens are signed with',
  'audit.view': 'read and verify the audit log',
} as const satisfies Readonly<Record<AccessPermission, string>>;

const objectPermissions = [...pipelinePermissions, ...secretPermissions] as const;
const accessPermissions = [...objectPermissions, ...administrationPermissions] as const;
/** What a role, a grant or an API key can give. */
export type AccessPermission = (typeof accessPermissions)[number];
export const AccessPermissionSchema = Type.Enum(accessPermissions);

/** Names in which `*` stands for any text; the server says which characters names have. */
export const NamePattern = Type.String({ minLength: 1, maxLength: 200 });

export const TeamRef = Type.Object({
  /** Name, id, or a unique prefix of the id. */
  ref: Type.String({ minLength: 1, maxLength: 100 }),
});

export const TeamMemberRef = Type.Object({
  ...TeamRef.properties,
  /** Name of a user. */
  user: Type.String({ minLength: 1, maxLength: 100 }),
});

export const CreateTeamRequest = Type.Object({
  name: Type.String({ minLength: 1, maxLength: 100, pattern: '^[a-z0-9][a-z0-9._-]*$' }),
});
export type CreateTeamRequest = Static<typeof CreateTeamRequest>;

export const Team = Type.Object({
  id: Type.String(),
  name: Type.String(),
  /** Everybody belongs to it without being listed. */
  everybody: Type.Boolean(),
  /** Names of users, in order. */
  members: Type.Array(Type.String()),
  created_at: Timestamp,
});
export type Team = Static<typeof Team>;
export const TeamListQuery = PageQuery;
export const TeamList = Page(Team);
export type TeamList = Static<typeof TeamList>;

export const GrantRef = Type.Object({
  /** Id, or a unique prefix of it. */
  id: Type.String({ minLength: 4, maxLength: 36, pattern: '^[0-9a-fA-F-]+$' }),
});

export const CreateGrantRequest = Type.Object({
  /** Name of a user; exactly one of `user` and `team` is there. */
  user: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
  team: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
  kind: Type.Enum(objectKinds),
  pattern: NamePattern,
  /** Of that kind of object; on pipelines any of them brings `pipelines.view` with it. */
  permissions: Type.Array(Type.Enum(objectPermissions), { minItems: 1, maxItems: 20 }),
});
export type CreateGrantRequest = Static<typeof CreateGrantRequest>;

export const Grant = Type.Object({
  id: Type.String(),
  /** The user or the team that has it; the other is null. */
  user: Type.Union([Type.String(), Type.Null()]),
  team: Type.Union([Type.String(), Type.Null()]),
  kind: Type.Enum(objectKinds),
  pattern: Type.String(),
  permissions: Type.Array(Type.Enum(objectPermissions)),
  created_by: Type.String(),
  created_at: Timestamp,
});
export type Grant = Static<typeof Grant>;

export const GrantListQuery = Type.Object({
  ...PageQuery.properties,
  /** Only those of this user itself; those of its teams are not among them. */
  user: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
  team: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
  kind: Type.Optional(Type.Enum(objectKinds)),
});
export type GrantListQuery = Static<typeof GrantListQuery>;
export const GrantList = Page(Grant);
export type GrantList = Static<typeof GrantList>;

/** The most that each role can ever do, and what the words mean. */
export const RoleList = Type.Object({
  roles: Type.Array(
    Type.Object({ role: Type.Enum(roles), permissions: Type.Array(AccessPermissionSchema) }),
  ),
  permissions: Type.Array(
    Type.Object({ permission: AccessPermissionSchema, meaning: Type.String() }),
  ),
});
export type RoleList = Static<typeof RoleList>;
