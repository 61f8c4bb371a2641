// Who keeps PostgreSQL from cleaning up what nobody else can see any more: sessions, standbys,
// replication slots and prepared transactions that hold on to how the database once was.
import { type Queryable, repeatable } from './statement.ts';

export interface SnapshotHolder {
  /** A standby whose reader holds it stands here for that reader. */
  readonly kind: 'session' | 'standby' | 'slot' | 'prepared';
  /** Process id in the database, name of the slot, id of the prepared transaction. */
  readonly name: string;
  readonly user: string | null;
  /** What its program calls itself; null where there is none. */
  readonly application: string | null;
  /** Null where the user of the database may not see it, and of what is no session. */
  readonly state: string | null;
  /** The oldest transaction that it may still see: who holds on has the same at the next look. */
  readonly horizon: string;
  /** How long it has held that at least; 0 where that is not seen. */
  readonly heldSeconds: number;
}

const list = repeatable(
  'list_snapshot_holders',
  `SELECT * FROM (
     SELECT CASE WHEN a.backend_type = 'walsender' THEN 'standby' ELSE 'session' END AS kind,
       a.pid::text AS name, a.usename::text AS "user", nullif(a.application_name, '') AS application,
       a.state,
       CASE WHEN a.backend_xmin IS NULL OR age(a.backend_xid) > age(a.backend_xmin)
         THEN a.backend_xid ELSE a.backend_xmin END AS xid,
       -- Since then it has begun nothing that could have changed what it holds.
       CASE WHEN a.state = 'active' THEN a.query_start
         WHEN a.state LIKE 'idle in transaction%' THEN a.state_change END AS since
     FROM pg_stat_activity a
     WHERE a.pid <> pg_backend_pid() AND (a.backend_xmin IS NOT NULL OR a.backend_xid IS NOT NULL)
       -- Standbys are in no database.
       AND (a.datname = current_database() OR a.datname IS NULL)
       -- A vacuum keeps no other from cleaning up.
       AND a.backend_type IS DISTINCT FROM 'autovacuum worker'
       AND NOT EXISTS (SELECT FROM pg_stat_progress_vacuum v WHERE v.pid = a.pid)
     UNION ALL
     SELECT 'slot', slot_name::text, NULL, NULL, NULL, xmin, NULL FROM pg_replication_slots
     WHERE xmin IS NOT NULL
     UNION ALL
     SELECT 'prepared', gid, owner::text, NULL, NULL, transaction, prepared FROM pg_prepared_xacts
     WHERE database = current_database()
   ) holders
   CROSS JOIN LATERAL (
     SELECT xid::text AS horizon,
       coalesce(extract(epoch FROM clock_timestamp() - since), 0)::float8 AS "heldSeconds"
   ) told
   ORDER BY age(xid) DESC LIMIT 50`,
);

/** Those that hold the oldest first, 50 at most; the session that asks is none of them. */
export async function listSnapshotHolders(db: Queryable): Promise<readonly SnapshotHolder[]> {
  return await db.query<SnapshotHolder>(list);
}
