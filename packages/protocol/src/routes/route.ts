// One endpoint: method, path, what its caller must be allowed, shapes, what it is for.
import type { TSchema } from 'typebox';

/** Rights on a pipeline and its jobs, given by grants for patterns of pipeline names. */
export const pipelinePermissions = [
  'pipelines.view',
  'pipelines.launch',
  'pipelines.cancel',
  'pipelines.edit',
  'pipelines.approve',
] as const;

/** Rights on a secret, given by grants for patterns of secret names. */
export const secretPermissions = ['secrets.use', 'secrets.write'] as const;

/** Rights on the installation: an administrator has all of them. */
export const administrationPermissions = [
  'users.manage',
  'grants.manage',
  'runners.view',
  'runners.manage',
  'secrets.manage',
  'keys.manage',
  'audit.view',
] as const;

export type PipelinePermission = (typeof pipelinePermissions)[number];
export type SecretPermission = (typeof secretPermissions)[number];
export type ObjectPermission = PipelinePermission | SecretPermission;
export type AdministrationPermission = (typeof administrationPermissions)[number];

/**
 * What a caller of a route must be.
 * - `public`: anybody, also without a token
 * - `signed-in`: a person; the handler gives only what is that person's own
 * - `registration`: holder of a registration token of runners
 * - `runner`: a registered runner, which sees only jobs that it holds the lease of
 * - else a person with that right; on which objects is checked where they are looked up
 */
export type Permission =
  | 'public'
  | 'signed-in'
  | 'registration'
  | 'runner'
  | ObjectPermission
  | AdministrationPermission;

export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Path with `:parameters`, below `/api` unless `root` is set. */
  readonly path: string;
  readonly root?: true;
  readonly permission: Permission;
  readonly summary: string;
  readonly params?: TSchema;
  readonly query?: TSchema;
  readonly body?: TSchema;
  /** Of a report that may also come packed (`packed-report.ts`): the shape of its JSON then. */
  readonly packed?: TSchema;
  /** Absent: no content, or a stream. */
  readonly response?: TSchema;
  /** `redirect`: answers with a Location instead of a body. */
  readonly stream?: 'sse' | 'text' | 'redirect';
  /** Of a stream of server-sent events: the shape of each event's data by its name. */
  readonly events?: Readonly<Record<string, TSchema>>;
  /** Whether sending it twice has the effect of sending it once; GET always may be repeated. */
  readonly repeatable?: true;
}

/** Keeps the exact shapes of an entry, so that client and handlers are typed from them. */
export const route = <const R extends Route>(definition: R): R => definition;
