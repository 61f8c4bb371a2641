// What one person may do: the ceiling of the role, the grants below it, the limits of an API key.
import {
  type AdministrationPermission,
  administrationPermissions,
  type ObjectPermission,
  pipelinePermissions,
  type Role,
  secretPermissions,
} from '@rivet/protocol';
import type { GrantRow, NameFilter } from '@rivet/store';
import { matchesPattern } from './pattern.ts';

export type AccessPermission = ObjectPermission | AdministrationPermission;

/** The most that an account of each role can ever do; docs/security.md shows the same table. */
export const roleCeilings: Readonly<Record<Role, readonly AccessPermission[]>> = {
  admin: [...pipelinePermissions, ...secretPermissions, ...administrationPermissions],
  user: [...pipelinePermissions, ...secretPermissions, 'runners.view'],
  viewer: ['pipelines.view'],
};

/** What an API key may of what its owner may; absent: all of it. */
export interface KeyLimits {
  readonly permissions?: readonly string[];
  /** Patterns of the names of pipelines. */
  readonly pipelines?: readonly string[];
}

export class Access {
  readonly role: Role;
  readonly #grants: readonly GrantRow[];
  readonly #limits: KeyLimits;

  constructor(role: Role, grants: readonly GrantRow[], limits: KeyLimits = {}) {
    this.role = role;
    this.#grants = grants;
    this.#limits = limits;
  }

  /** Whether the role and the key allow it at all; on which objects is another question. */
  may(permission: AccessPermission): boolean {
    const { permissions } = this.#limits;
    return (
      roleCeilings[this.role].includes(permission) &&
      (permissions === undefined || permissions.includes(permission))
    );
  }

  /** Whether it may be done on the object of that name. */
  mayOn(permission: ObjectPermission, name: string): boolean {
    if (!this.may(permission)) return false;
    const filter = this.filterOf(permission);
    return filter === undefined || fits(filter, name);
  }

  /** The names it may be done on, for SQL; undefined: all of them. */
  filterOf(permission: ObjectPermission): NameFilter | undefined {
    if (!this.may(permission)) return { within: [] };
    const kind = permission.startsWith('secrets.') ? 'secret' : 'pipeline';
    const limit = kind === 'pipeline' ? this.#limits.pipelines : undefined;
    if (this.role === 'admin') return limit === undefined ? undefined : { within: limit };
    const within = this.#grants
      .filter((grant) => grant.object_kind === kind && grant.permissions.includes(permission))
      .map((grant) => grant.pattern);
    return limit === undefined ? { within } : { within, limit };
  }

  /** What it may at least on some object, for people to look at. */
  permissions(): AccessPermission[] {
    const objects: readonly string[] = [...pipelinePermissions, ...secretPermissions];
    return roleCeilings[this.role].filter((permission) => {
      if (!this.may(permission)) return false;
      if (!objects.includes(permission)) return true;
      const filter = this.filterOf(permission as ObjectPermission);
      return filter === undefined || filter.within.length > 0;
    });
  }
}

function fits(filter: NameFilter, name: string): boolean {
  const matches = (pattern: string): boolean => matchesPattern(pattern, name);
  return filter.within.some(matches) && (filter.limit === undefined || filter.limit.some(matches));
}
