// What one person may do: the ceiling of the role, the grants below it, the limits of an API key.
import {
  type AccessPermission,
  administrationPermissions,
  type ObjectPermission,
  pipelinePermissions,
  type Role,
  secretPermissions,
} from '@rivet/protocol';
import type { GrantRow, NameFilter } from '@rivet/store';
import { matchesPattern } from './pattern.ts';

/** The most that an account of each role can ever do, as docs/reference/permissions.md shows. */
export const roleCeilings: Readonly<Record<Role, readonly AccessPermission[]>> = {
  admin: [...pipelinePermissions, ...secretPermissions, ...administrationPermissions],
  user: [...pipelinePermissions, ...secretPermissions, 'runners.view'],
  viewer: ['pipelines.view'],
};

/** What an API key may of what its owner may; absent: all of it. */
export interface KeyLimits {
  readonly permissions?: readonly AccessPermission[];
  /** Patterns of the names of pipelines. */
  readonly pipelines?: readonly string[];
}

export class Access {
  readonly role: Role;
  readonly #grants: readonly GrantRow[];
  readonly limits: KeyLimits;

  constructor(role: Role, grants: readonly GrantRow[], limits: KeyLimits = {}) {
    this.role = role;
    this.#grants = grants;
    this.limits = limits;
  }

  /** Whether the role and the key allow it at all; on which objects is another question. */
  may(permission: AccessPermission): boolean {
    return roleCeilings[this.role].includes(permission) && this.withinLimits(permission);
  }

  /**
   * Whether the key, if it is one, is for that. A key for some pipelines that does not say what it
   * may is for those pipelines only: it manages nothing and sees no secret.
   */
  withinLimits(permission: AccessPermission): boolean {
    const { permissions, pipelines } = this.limits;
    if (permissions !== undefined) return permissions.includes(permission);
    return pipelines === undefined || includes(pipelinePermissions, permission);
  }

  /** Whether it may be done on some object, whatever its name. */
  maySomewhere(permission: ObjectPermission): boolean {
    const filter = this.filterOf(permission);
    return filter === undefined || filter.within.length > 0;
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
    const limit = kind === 'pipeline' ? this.limits.pipelines : undefined;
    if (this.role === 'admin') return limit === undefined ? undefined : { within: limit };
    // Whoever may do anything to a pipeline sees it.
    const any = permission === 'pipelines.view';
    const within = this.#grants
      .filter(
        (grant) => grant.object_kind === kind && (any || grant.permissions.includes(permission)),
      )
      .map((grant) => grant.pattern);
    return limit === undefined ? { within } : { within, limit };
  }

  /** What it may at least on some object, for people to look at. */
  permissions(): AccessPermission[] {
    return roleCeilings[this.role].filter((permission) => {
      if (!this.may(permission)) return false;
      const anywhere = includes(administrationPermissions, permission);
      return anywhere || this.maySomewhere(permission as ObjectPermission);
    });
  }
}

function fits(filter: NameFilter, name: string): boolean {
  const matches = (pattern: string): boolean => matchesPattern(pattern, name);
  return filter.within.some(matches) && (filter.limit === undefined || filter.limit.some(matches));
}

function includes(list: readonly AccessPermission[], permission: AccessPermission): boolean {
  return list.includes(permission);
}
