// Grants: what users and teams may do on objects whose names fit a pattern.
import type { ObjectPermission } from '@rivet/protocol';

/** A grant as a decision needs it. */
export interface GrantRow {
  readonly object_kind: 'pipeline' | 'secret';
  /** `*` stands for any text. */
  readonly pattern: string;
  readonly permissions: ObjectPermission[];
}

/** SQL for the grants, as JSON, of the user that `userId` (SQL too) names, with its teams'. */
export function grantsOf(userId: string): string {
  return `(SELECT COALESCE(json_agg(json_build_object(
       'object_kind', g.object_kind, 'pattern', g.pattern, 'permissions', g.permissions)), '[]')
     FROM grants g WHERE g.user_id = ${userId} OR g.team_id IN (
       SELECT team_id FROM team_members WHERE user_id = ${userId}
       UNION ALL SELECT id FROM teams WHERE everybody))`;
}
